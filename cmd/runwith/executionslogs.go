package main

import (
	"path"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/spf13/cobra"
)

func newExecutionsLogs(f *cloudRunFlags) *cobra.Command {
	var l logFlags
	cmd := &cobra.Command{
		Use:   "logs NAME",
		Short: "Print the output of an execution",
		Long: `Logs prints the output of an execution, in the order of time. It prints a task's
standard error to standard error. [TASK.ATTEMPT] in front of a line names its
origin, unless that is the first attempt of the only task. NAME is the execution's
ID or its full resource name. runwith logs does the same, also for an invocation.

With -f it continues until the execution has ended. Ctrl-C ends only this command,
not the execution.`,
		Example: `  runwith executions logs -f test-job-x7k2p
  runwith executions logs test-job-x7k2p --task 3
  runwith executions logs test-job-x7k2p --json | jq -r .text`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := l.validate(cmd); err != nil {
				return err
			}
			return f.printLog(cmd, args[0], l)
		},
	}
	l.add(cmd, "execution")
	return cmd
}

// printLog prints the log of the execution of that name.
func (f *cloudRunFlags) printLog(cmd *cobra.Command, name string, l logFlags) error {
	return f.useExecution(cmd, name, func(c *cloudRun, x *runpb.Execution) error {
		tasks := int(x.GetTaskCount())
		if l.task >= tasks {
			return misused("--task %d: the last task of %s is %d", l.task, path.Base(x.GetName()), tasks-1)
		}
		p := &logPrinter{logFlags: l, out: cmd.OutOrStdout(), err: cmd.ErrOrStderr(), tasks: func() int { return tasks }}
		return newLogReader(c, x, p).read(cmd.Context())
	})
}
