package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
)

// rerunFlags are the flags of invocations rerun.
type rerunFlags struct {
	asks    requestFlags
	env     []string
	tasks   int
	timeout seconds
	startAt startTime
	key     string
	wait    bool
}

func newInvocationsRerun() *cobra.Command {
	var (
		f   rerunFlags
		cmd *cobra.Command
	)
	cmd = invocationCommand(&cobra.Command{
		Use:   "rerun ID [-- ARGS...]",
		Short: "Run an invocation again",
		Long: `Rerun makes a new invocation with the request of an earlier one, and shows it. The
earlier one does not change. The server's configuration applies as it is now.

Flags change the request: --param sets single parameters, and each other flag replaces
all that the earlier request had of its kind. Arguments after -- replace the job's
arguments. The time of --start-at is not carried over from the earlier request.

If you may not see the values of the earlier invocation, send all parameters, arguments
and variables, or change none of them.

An invocation that was read back from its execution, because the store was lost, has no
request: start its job with runwith run.`,
		Example: `  runwith invocations rerun 01a20a4f-52d9-7299-8052-429d4e3782dc
  runwith invocations rerun 01a20a4f-52d9-7299-8052-429d4e3782dc --param tenant=acme --wait
  runwith invocations rerun 01a20a4f-52d9-7299-8052-429d4e3782dc --start-at +8h`,
	}, func(ctx context.Context, c *runwith.Client, id string) (*runwith.Invocation, error) {
		changes, err := f.changes(cmd)
		if err != nil {
			return nil, &exitError{exitUsage, err}
		}
		return f.rerun(ctx, c, id, changes)
	})
	cmd.Args = func(cmd *cobra.Command, args []string) error { return oneArgument(cmd, args[:positional(cmd, args)]) }
	f.asks.add(cmd)
	f.startAt.add(cmd)
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.env, "env", "e", nil, "replace the environment variables: `NAME=VALUE` (repeatable)")
	flags.IntVar(&f.tasks, "tasks", 0, "number of tasks")
	flags.Var(&f.timeout, "timeout", "timeout of each attempt of a task: `DURATION`, or a number of seconds")
	flags.StringVar(&f.key, "key", "", "make the new invocation only once for `KEY`, even if you repeat the command")
	flags.BoolVar(&f.wait, "wait", false, "wait until the new invocation has ended")
	return cmd
}

// changes returns what the flags change.
func (f *rerunFlags) changes(cmd *cobra.Command) (*runwith.Request, error) {
	r := runFlags{asks: f.asks, env: f.env, tasks: f.tasks, timeout: f.timeout, startAt: f.startAt, key: f.key}
	return r.request(cmd, cmd.Flags().Args())
}

func (f *rerunFlags) rerun(ctx context.Context, c *runwith.Client, id string, changes *runwith.Request) (*runwith.Invocation, error) {
	if len(changes.Parameters) > 0 {
		origin, err := c.Invocation(ctx, id)
		if err == nil {
			err = f.asks.typed(ctx, c, origin.Job, changes)
		}
		if err != nil {
			return nil, err
		}
	}
	key := cmp.Or(f.key, rand.Text())
	i, err := c.Rerun(ctx, id, key, changes)
	switch {
	case err != nil && errors.Is(err, context.Canceled):
		return nil, fmt.Errorf("%w: the job may have started; repeat the command with --key %s to find it, or to start it", err, key)
	case err != nil || !f.wait:
		return i, err
	}
	return c.Wait(ctx, i.ID)
}
