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

// everyTask stands for no --task.
const everyTask = -1

// logFlags say which lines to print, and how.
type logFlags struct {
	follow bool
	task   int
	json   bool
}

func newExecutionsLogs(f *cloudRunFlags) *cobra.Command {
	var l logFlags
	cmd := &cobra.Command{
		Use:   "logs NAME",
		Short: "Print what the tasks of an execution have printed",
		Long: `Logs prints the output of an execution, in the order of time: what tasks wrote to
standard error goes there. Where there are several tasks, [N] before a line is the
task's. NAME is the execution's ID or its full resource name.

With -f it goes on until the execution has ended and all was read. Ctrl-C ends it
alone, not the execution.`,
		Example: `  runwith executions logs -f test-job-x7k2p
  runwith executions logs test-job-x7k2p --task 3
  runwith executions logs test-job-x7k2p --json | jq -r .text`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case !cmd.Flags().Changed("task"):
				l.task = everyTask
			case l.task < 0:
				return misused("--task %d: must be an index from 0", l.task)
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
	flags.BoolVarP(&l.follow, "follow", "f", false, "go on until the execution has ended")
	flags.IntVar(&l.task, "task", 0, "only what the task with the index `N`, from 0, has printed")
	flags.BoolVar(&l.json, "json", false, "print each line as a JSON object, for programs")
	return cmd
}

// logPrinter prints lines where they belong.
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
