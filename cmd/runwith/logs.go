package main

import (
	"context"
	"regexp"
	"sync"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
)

// invocationID matches an invocation's ID, which is a UUID. An execution's ID is not: it
// ends with five characters.
var invocationID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func newLogs() *cobra.Command {
	var (
		f  cloudRunFlags
		l  logFlags
		to clientFlags
	)
	cmd := &cobra.Command{
		Use:   "logs ID",
		Short: "Print the output of an invocation or an execution",
		Long: `Logs prints the output of an invocation's execution, in the order of time. ID is an
invocation's ID, or an execution's ID or full resource name. It prints a task's
standard error to standard error. [TASK.ATTEMPT] in front of a line names its
origin, unless that is the first attempt of the only task.

With -f it continues until all tasks have ended. Ctrl-C ends only this command, not
the job.

The invoker (--server) reads the output of an invocation, and Cloud Logging or the
engine (--endpoint) that of an execution.`,
		Example: `  runwith logs -f 01a20a4f-52d9-7299-8052-429d4e3782dc
  runwith logs test-job-x7k2p --task 3
  runwith logs 01a20a4f-52d9-7299-8052-429d4e3782dc --json | jq -r .text`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := l.validate(cmd); err != nil {
				return err
			}
			if !invocationID.MatchString(args[0]) {
				return f.printLog(cmd, args[0], l)
			}
			client, err := to.client()
			if err != nil {
				return err
			}
			return interruptedOr(cmd, printInvocationLog(cmd, client, args[0], l))
		},
	}
	f.add(cmd)
	to.add(cmd)
	l.add(cmd, "job")
	return cmd
}

// printInvocationLog prints the log of an invocation.
func printInvocationLog(cmd *cobra.Command, client *runwith.Client, id string, l logFlags) error {
	p := &logPrinter{logFlags: l, out: cmd.OutOrStdout(), err: cmd.ErrOrStderr(), tasks: tasksOf(cmd.Context(), client, id)}
	o := &runwith.LogsOptions{Follow: l.follow}
	if l.task != everyTask {
		o.Task = &l.task
	}
	o.OnBreak = func(err error) { note(p.err, "%s", tryingAgain(err)) }
	for line, err := range client.Logs(cmd.Context(), id, o) {
		if err != nil {
			return err
		}
		if err := p.print(line); err != nil {
			return err
		}
	}
	return nil
}

// tasksOf returns a function that returns the number of an invocation's tasks. It asks
// once, and only if there is output, because the number is known then.
func tasksOf(ctx context.Context, client *runwith.Client, id string) func() int {
	return sync.OnceValue(func() int {
		i, err := client.Invocation(ctx, id)
		if err != nil {
			return 0
		}
		return i.Counts.Tasks
	})
}
