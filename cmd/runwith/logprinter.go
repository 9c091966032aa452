package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/terminal"
)

// everyTask is the value of an unset --task.
const everyTask = -1

// logFlags choose which lines to print, and how.
type logFlags struct {
	follow bool
	task   int // everyTask for all
	json   bool
	raw    bool
}

// add adds the flags. of is what the command follows.
func (f *logFlags) add(cmd *cobra.Command, of string) {
	flags := cmd.Flags()
	flags.BoolVarP(&f.follow, "follow", "f", false, "continue until the "+of+" has ended")
	flags.IntVar(&f.task, "task", everyTask, "print only the output of task `N`; the first is 0")
	flags.Lookup("task").DefValue = "0" // which help leaves out
	flags.BoolVar(&f.json, "json", false, "print each line as a JSON object, for programs")
	addRaw(cmd, &f.raw)
}

// validate reports mistakes that the types of the flags do not catch.
func (f *logFlags) validate(cmd *cobra.Command) error {
	if cmd.Flags().Changed("task") && f.task < 0 {
		return misused("--task %d: must be at least 0", f.task)
	}
	return nil
}

// addRaw adds the flag that turns off the escaping of output.
func addRaw(cmd *cobra.Command, raw *bool) {
	cmd.Flags().BoolVar(raw, "raw", false, "let output control the terminal, instead of showing control characters as \\xNN")
}

// logPrinter prints lines to standard output or standard error.
type logPrinter struct {
	logFlags
	out, err io.Writer
	tasks    func() int // of the execution
}

func (p *logPrinter) print(line runwith.LogLine) error {
	switch {
	case p.task != everyTask && line.Task != p.task:
		return nil
	case p.json:
		encoder := json.NewEncoder(p.out)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(line)
	}
	to, tasks := p.out, 1
	if line.Stream == "stderr" {
		to = p.err
	}
	if p.task == everyTask {
		tasks = p.tasks()
	}
	_, err := fmt.Fprintln(to, printable(to, line.Labelled(tasks), p.raw))
	return err
}

// note prints a line beside a command's output, such as an error that does not end it.
func note(out io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(out, "runwith: %s\n", printable(out, fmt.Sprintf(format, args...), false)) // nothing is left to do without it
}

// printLine prints a line that may have text of a server, without control characters.
func printLine(out io.Writer, format string, args ...any) error {
	_, err := fmt.Fprintln(out, terminal.OneLine(fmt.Sprintf(format, args...)))
	return err
}

// tryingAgain returns the text of an error after which the command itself tries again.
func tryingAgain(err error) string {
	return strings.TrimSuffix(err.Error(), ": try again") + "; trying again"
}

// printable returns text that a program has written, as w shows it: without control sequences
// if w is a terminal.
func printable(w io.Writer, text string, raw bool) string {
	if raw || !terminal.Is(w) {
		return text
	}
	return terminal.Escape(text)
}
