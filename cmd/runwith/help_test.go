package main

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mattn/go-shellwords"
	"github.com/spf13/cobra"
)

// widest is the number of columns of the text in help, which terminals with 90 columns show.
const widest = 90

// Every command has a description of lines that fit, and examples that parse.
func TestHelp(t *testing.T) {
	t.Parallel()
	checkHelp(t, newRoot())
}

func checkHelp(t *testing.T, cmd *cobra.Command) {
	t.Helper()
	if cmd.Hidden {
		return
	}
	if cmd.Short == "" || cmd.Example == "" {
		t.Errorf("%s: its help lacks what it is for, or an example", cmd.CommandPath())
	}
	for line := range strings.Lines(cmd.Long) {
		if width := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); width > widest {
			t.Errorf("%s: a line of its help has %d columns, want at most %d: %s", cmd.CommandPath(), width, widest, line)
		}
	}
	for line := range strings.Lines(cmd.LocalFlags().FlagUsages()) {
		if strings.Contains(line, "(default 0s)") || strings.Contains(line, "required") && strings.Contains(line, "(default \"") {
			t.Errorf("%s: its help shows a default that does not exist: %s", cmd.CommandPath(), line)
		}
	}
	for line := range strings.Lines(cmd.Example) {
		if err := understands(line); err != nil {
			t.Errorf("%s: example %q: %v", cmd.CommandPath(), line, err)
		}
	}
	for _, sub := range cmd.Commands() {
		checkHelp(t, sub)
	}
}

var comment = regexp.MustCompile(`\s+#.*`)

// understands reports whether runwith takes the command line of an example.
// Those of other programs are not asked.
func understands(line string) error {
	args, err := shellwords.Parse(strings.TrimSpace(comment.ReplaceAllString(line, "")))
	if err != nil || len(args) == 0 || args[0] != "runwith" {
		return err
	}
	cmd, flags, err := newRoot().Find(args[1:])
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(flags); err != nil {
		return err
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

// A command that does not exist is a mistake for help and completion too.
func TestHelpOfNothing(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"help nosuch":       `unknown command "nosuch" for "runwith"`,
		"help jobs lst":     `unknown command "lst" for "runwith jobs"; did you mean list?`,
		"help run nosuch":   `unknown command "nosuch" for "runwith run"`,
		"completion foo":    `unknown command "foo" for "runwith completion"`,
		"completion bash x": "",
	} {
		stdout, stderr := shell{}.run(t, exitUsage, strings.Fields(line)...)
		if stdout != "" {
			t.Errorf("%s printed %q, want nothing", line, stdout)
		}
		if !strings.Contains(stderr, want) {
			t.Errorf("%s: %q, want %q", line, stderr, want)
		}
	}
	for _, line := range []string{"help", "help run", "help jobs list", "help completion", "help help", "completion", "completion bash"} {
		if stdout, _ := (shell{}).run(t, exitOK, strings.Fields(line)...); stdout == "" {
			t.Errorf("%s printed nothing", line)
		}
	}
}
