package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
)

// everyTask is the value of an unset --task.
const everyTask = -1

// logFlags choose which lines to print, and how.
type logFlags struct {
	follow bool
	task   int
	json   bool
}

func newExecutionsLogs(f *cloudRunFlags) *cobra.Command {
	var l logFlags
	cmd := &cobra.Command{
		Use:   "logs NAME",
		Short: "Print the output of an execution",
		Long: `Logs prints the output of an execution, in the order of time. It prints a task's
standard error to standard error. If there are several tasks, [N] in front of a
line is the task's index. NAME is the execution's ID or its full resource name.

With -f it continues until the execution has ended. Ctrl-C ends only this command,
not the execution.`,
		Example: `  runwith executions logs -f test-job-x7k2p
  runwith executions logs test-job-x7k2p --task 3
  runwith executions logs test-job-x7k2p --json | jq -r .text`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case !cmd.Flags().Changed("task"):
				l.task = everyTask
			case l.task < 0:
				return misused("--task %d: must be at least 0", l.task)
			}
			return f.useExecution(cmd, args[0], func(c *cloudRun, x *runpb.Execution) error {
				if l.task >= int(x.GetTaskCount()) {
					return misused("--task %d: the last task of %s is %d", l.task, path.Base(x.GetName()), x.GetTaskCount()-1)
				}
				p := &logPrinter{logFlags: l, out: cmd.OutOrStdout(), err: cmd.ErrOrStderr(), several: x.GetTaskCount() > 1}
				return newLogReader(c, x, p).read(cmd.Context())
			})
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&l.follow, "follow", "f", false, "continue until the execution has ended")
	flags.IntVar(&l.task, "task", 0, "print only the output of task `N`; the first is 0")
	flags.BoolVar(&l.json, "json", false, "print each line as a JSON object, for programs")
	return cmd
}

// logPrinter prints lines to standard output or standard error.
type logPrinter struct {
	logFlags
	out, err io.Writer
	several  bool // tasks
}

func (p *logPrinter) print(line runwith.LogLine) (err error) {
	switch {
	case p.task != everyTask && line.Task != p.task:
		return nil
	case p.json:
		encoder := json.NewEncoder(p.out)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(line)
	}
	to, label := p.out, ""
	if line.Stream == "stderr" {
		to = p.err
	}
	if p.several && p.task == everyTask {
		label = fmt.Sprintf("[%d] ", line.Task)
	}
	_, err = fmt.Fprintf(to, "%s%s\n", label, line.Text)
	return err
}
