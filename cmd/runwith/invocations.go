package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/display"
)

func newInvocations() *cobra.Command {
	group := &cobra.Command{
		Use:   "invocations",
		Short: "List, show, cancel and resolve what an invoker was asked to start",
		Long: `Invocations looks at the requests that an invoker has accepted, that of runwith up
or runwith serve, and at what became of them.`,
		Example: `  runwith invocations list --job nightly --state running
  runwith invocations describe 01a20a4f-52d9-7299-8052-429d4e3782dc
  runwith invocations cancel 01a20a4f-52d9-7299-8052-429d4e3782dc`,
	}
	return newGroup(group, newInvocationsList(), newInvocationsDescribe(), newInvocationsCancel(), newInvocationsResolve())
}

func newInvocationsList() *cobra.Command {
	var (
		server string
		o      runwith.ListOptions
		state  string
		limit  int
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List invocations, the newest first",
		Example: `  runwith invocations list
  runwith invocations list --state unresolved
  runwith invocations list --job nightly --limit 1000 --json | jq -r '.[].id'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 {
				return misused("--limit %d: must be at least 1", limit)
			}
			o.State, o.PageSize = runwith.State(state), min(limit, 1000)
			client := &runwith.Client{Server: server}
			found := []*runwith.Invocation{}
			for i, err := range client.Invocations(cmd.Context(), &o) {
				if err != nil {
					return err
				}
				if found = append(found, i); len(found) == limit {
					break
				}
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), found)
			}
			return display.Invocations(screen(cmd.OutOrStdout()), time.Now(), found)
		},
	}
	addServer(cmd, &server)
	flags := cmd.Flags()
	flags.StringVar(&o.Job, "job", "", "those of one `JOB`")
	flags.StringVar(&state, "state", "", "those in one `STATE`, such as running or unresolved")
	flags.IntVar(&limit, "limit", 50, "list `N` at most")
	flags.BoolVar(&asJSON, "json", false, "print JSON as the invoker's API has it, for programs")
	return cmd
}

// invocationCommand makes cmd a command about one invocation.
func invocationCommand(cmd *cobra.Command, do func(context.Context, *runwith.Client, string) (*runwith.Invocation, error)) *cobra.Command {
	var (
		server string
		asJSON bool
	)
	cmd.Args = cobra.ExactArgs(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		i, err := do(cmd.Context(), &runwith.Client{Server: server}, args[0])
		switch {
		case err != nil:
			return err
		case asJSON:
			return printJSON(cmd.OutOrStdout(), i)
		}
		return display.Invocation(screen(cmd.OutOrStdout()), time.Now(), i)
	}
	addServer(cmd, &server)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON as the invoker's API has it, for programs")
	return cmd
}

func newInvocationsDescribe() *cobra.Command {
	return invocationCommand(&cobra.Command{
		Use:   "describe ID",
		Short: "Show an invocation",
		Long: `Describe shows how an invocation stands, which execution it has, and why it failed,
was refused or is unresolved.`,
		Example: `  runwith invocations describe 01a20a4f-52d9-7299-8052-429d4e3782dc`,
	}, func(ctx context.Context, c *runwith.Client, id string) (*runwith.Invocation, error) {
		return c.Invocation(ctx, id)
	})
}

func newInvocationsCancel() *cobra.Command {
	var wait bool
	cmd := invocationCommand(&cobra.Command{
		Use:   "cancel ID",
		Short: "Ask for an invocation to end",
		Long: `Cancel asks for an invocation to end, in whatever state it is. What was not started
yet is cancelled at once; what runs is cancelled by Cloud Run, and how it ends
counts; what is being started is found first. One that has ended stays as it is.`,
		Example: `  runwith invocations cancel 01a20a4f-52d9-7299-8052-429d4e3782dc
  runwith invocations cancel 01a20a4f-52d9-7299-8052-429d4e3782dc --wait`,
	}, func(ctx context.Context, c *runwith.Client, id string) (*runwith.Invocation, error) {
		i, err := c.Cancel(ctx, id)
		if err != nil || !wait {
			return i, err
		}
		return c.Wait(ctx, id)
	})
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it has ended")
	return cmd
}

func newInvocationsResolve() *cobra.Command {
	var retry, leave bool
	cmd := invocationCommand(&cobra.Command{
		Use:   "resolve ID --retry|--leave",
		Short: "Decide about an unresolved invocation",
		Long: `Resolve decides about an invocation of which it can no longer be known whether it
was started, or how it ended. Look at what ran of the job first.

--retry searches for its execution once more, and starts the job where there is
none. --leave lets it be: it stays unresolved for good, and lets its place go.`,
		Example: `  runwith invocations list --state unresolved
  runwith invocations resolve 01a20a4f-52d9-7299-8052-429d4e3782dc --leave`,
	}, func(ctx context.Context, c *runwith.Client, id string) (*runwith.Invocation, error) {
		if retry == leave {
			return nil, &exitError{exitUsage, errors.New("say one of --retry and --leave")}
		}
		decision := runwith.Leave
		if retry {
			decision = runwith.Retry
		}
		return c.Resolve(ctx, id, decision)
	})
	cmd.Flags().BoolVar(&retry, "retry", false, "search for its execution, and start the job where there is none")
	cmd.Flags().BoolVar(&leave, "leave", false, "let it be, for good")
	return cmd
}
