package main

import (
	"context"
	"regexp"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/backoff"
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
	r := &invocationLog{client: client, id: id, options: o, print: p.print}
	for {
		err := r.read(cmd.Context())
		if err == nil || !r.again(cmd, err) {
			return err
		}
	}
}

// invocationLog reads the log of an invocation. If the invoker restarts, it continues after
// the last line.
type invocationLog struct {
	client  *runwith.Client
	id      string
	options *runwith.LogsOptions
	print   func(runwith.LogLine) error
	printed bool      // a line
	silent  time.Time // since when the invoker has not answered; zero: it answers
}

// read prints the lines that are not printed yet.
func (r *invocationLog) read(ctx context.Context) error {
	for line, err := range r.client.Logs(ctx, r.id, r.options) {
		if err != nil {
			return err
		}
		r.silent = time.Time{}
		if err := r.print(line); err != nil {
			return err
		}
		r.printed, r.options.After = true, line.Position
	}
	return nil
}

// again waits, and reports whether to read again after an error: only a log that is
// followed, and whose first lines have come.
func (r *invocationLog) again(cmd *cobra.Command, err error) bool {
	if runwith.CodeOf(err) != runwith.Unavailable || !r.options.Follow || !r.printed || r.options.After == "" {
		return false
	}
	if r.silent.IsZero() {
		r.silent = time.Now()
		note(cmd.ErrOrStderr(), "%v; trying again", err)
	}
	return time.Since(r.silent) < maxSilence && backoff.Sleep(cmd.Context(), pollMax) == nil
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
