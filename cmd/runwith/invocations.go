package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/display"
)

func newInvocations() *cobra.Command {
	group := &cobra.Command{
		Use:   "invocations",
		Short: "List, show, cancel, resolve and rerun invocations",
		Long: `Invocations shows the requests to start jobs that the invoker of runwith up or
runwith serve has accepted, and how they ended.`,
		Example: `  runwith invocations list --job nightly --state running
  runwith invocations describe 01a20a4f-52d9-7299-8052-429d4e3782dc
  runwith invocations cancel 01a20a4f-52d9-7299-8052-429d4e3782dc`,
	}
	return newGroup(group, newInvocationsList(), newInvocationsDescribe(), newInvocationsTasks(), newInvocationsCancel(), newInvocationsResolve(), newInvocationsRerun())
}

// invocationCommand makes cmd a command for one invocation.
func invocationCommand(cmd *cobra.Command, do func(context.Context, *runwith.Client, string) (*runwith.Invocation, error)) *cobra.Command {
	cmd.Args = oneArgument
	return question[*runwith.Invocation]{
		ask: func(ctx context.Context, c *runwith.Client, args []string) (*runwith.Invocation, error) {
			return do(ctx, c, args[0])
		},
		show: now(display.Invocation),
	}.command(cmd)
}

func newInvocationsDescribe() *cobra.Command {
	return invocationCommand(&cobra.Command{
		Use:   "describe ID",
		Short: "Show an invocation",
		Long: `Describe shows who started an invocation and what was asked for, how it stands, which
execution it has, and why it failed, was refused or is unresolved. If tasks failed, it
shows which, in which attempt, with exit code or signal, and the last lines that the
first of them printed to standard error.`,
		Example: `  runwith invocations describe 01a20a4f-52d9-7299-8052-429d4e3782dc`,
	}, func(ctx context.Context, c *runwith.Client, id string) (*runwith.Invocation, error) {
		return c.Invocation(ctx, id)
	})
}

func newInvocationsTasks() *cobra.Command {
	var names []string
	cmd := question[[]runwith.Task]{
		ask: func(ctx context.Context, c *runwith.Client, args []string) ([]runwith.Task, error) {
			states := make([]runwith.TaskState, len(names))
			for i, name := range names {
				states[i] = runwith.TaskState(name)
			}
			return c.Tasks(ctx, args[0], states...)
		},
		show: display.Tasks,
	}.command(&cobra.Command{
		Use:   "tasks ID",
		Short: "List the tasks of an invocation",
		Long: `Tasks lists the tasks of an invocation's execution, with the exit code or signal of the
last attempt. The list is empty until the execution is known.`,
		Example: `  runwith invocations tasks 01a20a4f-52d9-7299-8052-429d4e3782dc
  runwith invocations tasks 01a20a4f-52d9-7299-8052-429d4e3782dc --state failed
  runwith invocations tasks 01a20a4f-52d9-7299-8052-429d4e3782dc --json | jq '.[].exitCode'`,
		Args: oneArgument,
	})
	cmd.Flags().StringArrayVar(&names, "state", nil, "only tasks in `STATE`: pending, running, succeeded, failed or cancelled (repeatable)")
	return cmd
}

func newInvocationsCancel() *cobra.Command {
	var wait bool
	cmd := invocationCommand(&cobra.Command{
		Use:   "cancel ID",
		Short: "Cancel an invocation",
		Long: `Cancel cancels an invocation. If its job has not started, it is cancelled at once.
If the job is starting, the invoker finds its execution first. If the job runs,
Cloud Run cancels the execution; a job that ends by itself meanwhile keeps its own
result. An invocation that has ended does not change.`,
		Example: `  runwith invocations cancel 01a20a4f-52d9-7299-8052-429d4e3782dc
  runwith invocations cancel 01a20a4f-52d9-7299-8052-429d4e3782dc --wait`,
	}, func(ctx context.Context, c *runwith.Client, id string) (*runwith.Invocation, error) {
		i, err := c.Cancel(ctx, id)
		if err != nil || !wait {
			return i, err
		}
		return c.Wait(ctx, id)
	})
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the invocation has ended")
	return cmd
}

func newInvocationsResolve() *cobra.Command {
	var retry, leave bool
	cmd := invocationCommand(&cobra.Command{
		Use:   "resolve ID --retry|--leave",
		Short: "Settle an invocation whose outcome is unknown",
		Long: `Resolve settles an unresolved invocation: the invoker cannot tell whether its job
started, or how it ended. Check the executions of the job first.

--retry searches for the execution once more, and starts the job if there is none.
--leave keeps the invocation unresolved for good, and frees its slot.`,
		Example: `  runwith invocations list --state unresolved
  runwith invocations resolve 01a20a4f-52d9-7299-8052-429d4e3782dc --leave`,
	}, func(ctx context.Context, c *runwith.Client, id string) (*runwith.Invocation, error) {
		if retry == leave {
			return nil, &exitError{exitUsage, errors.New("choose one of --retry and --leave")}
		}
		decision := runwith.Leave
		if retry {
			decision = runwith.Retry
		}
		return c.Resolve(ctx, id, decision)
	})
	cmd.Flags().BoolVar(&retry, "retry", false, "search for its execution, and start the job if there is none")
	cmd.Flags().BoolVar(&leave, "leave", false, "keep it unresolved for good")
	return cmd
}
