package main

import (
	"context"
	"io"
	"slices"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/display"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/jobspec"
)

func newExecutions() *cobra.Command {
	var f cloudRunFlags
	group := &cobra.Command{
		Use:   "executions",
		Short: "List, show, cancel and delete executions, and read their output",
		Long: `Executions shows, cancels and deletes the executions of jobs, on the engine of
runwith up or on Google's Cloud Run.`,
		Example: `  runwith executions list
  runwith executions logs -f test-job-x7k2p
  runwith executions cancel test-job-x7k2p`,
	}
	f.add(group)
	return newGroup(group, newExecutionsList(&f), newExecutionsDescribe(&f),
		newExecutionsCancel(&f), newExecutionsDelete(&f), newExecutionsLogs(&f))
}

func newExecutionsList(f *cloudRunFlags) *cobra.Command {
	var (
		job string
		of  executionList
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List executions, the newest first",
		Example: `  runwith executions list --limit 20
  runwith executions list --job test-job --json | jq -r '.[].name'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkLimit(of.limit); err != nil {
				return err
			}
			name, err := f.job(cmd, job)
			if err != nil {
				return err
			}
			of.job = name.Job
			return f.use(cmd.Context(), name.Location, func(c *cloudRun) error {
				return listExecutions(cmd.Context(), c, cmd.OutOrStdout(), of)
			})
		},
	}
	cmd.Flags().StringVar(&job, "job", jobspec.Wildcard, "only executions of `JOB`, by ID or full resource name; - is every job")
	addLimit(cmd, &of.limit)
	addJSON(cmd, &of.asJSON)
	return cmd
}

// executionList chooses what to list, and how.
type executionList struct {
	job    string
	limit  int // 0 for none
	asJSON bool
}

func listExecutions(ctx context.Context, c *cloudRun, out io.Writer, of executionList) error {
	executions, err := collect(c.Executions(ctx, of.job))
	if err != nil {
		return c.explain(err, "job", of.job)
	}
	slices.SortStableFunc(executions, func(a, b *runpb.Execution) int {
		return b.GetCreateTime().AsTime().Compare(a.GetCreateTime().AsTime())
	})
	// Google returns the executions of several jobs unsorted, so cut them after sorting.
	if of.limit > 0 {
		executions = executions[:min(of.limit, len(executions))]
	}
	if of.asJSON {
		return printMessages(out, executions)
	}
	return display.Executions(screen(out), time.Now(), executions)
}

func newExecutionsDescribe(f *cloudRunFlags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "describe NAME",
		Short: "Show an execution",
		Long: `Describe shows an execution's state, tasks and conditions, and the command,
arguments and environment of its tasks. If it failed, describe shows which tasks did,
with exit code or signal, and the last lines that the first of them printed to
standard error. NAME is its ID or its full resource name.`,
		Example: `  runwith executions describe test-job-x7k2p
  runwith executions describe test-job-x7k2p --json | jq .conditions`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.useExecution(cmd, args[0], func(c *cloudRun, x *runpb.Execution) error {
				if asJSON {
					return printMessage(cmd.OutOrStdout(), x)
				}
				failure := c.failure(cmd, x)
				if !c.google { // Google's console does not know a local engine
					x = proto.CloneOf(x)
					x.LogUri = ""
				}
				return display.Execution(screen(cmd.OutOrStdout()), time.Now(), x, failure)
			})
		},
	}
	addJSON(cmd, &asJSON)
	return cmd
}

// failure returns why an execution failed, or nil if it did not. It prints a warning if a
// part of the reason cannot be read.
func (c *cloudRun) failure(cmd *cobra.Command, x *runpb.Execution) *runwith.Failure {
	if cloudrun.StatusOf(x).State != runwith.StateFailed {
		return nil
	}
	failure, err := cloudrun.Explain(cmd.Context(), c, x)
	if err != nil {
		note(cmd.ErrOrStderr(), "reason of the failure: %v", err)
	}
	return failure
}

// useExecution calls do with the execution of that name.
func (f *cloudRunFlags) useExecution(cmd *cobra.Command, name string, do func(*cloudRun, *runpb.Execution) error) error {
	parsed, err := f.execution(cmd, name)
	if err != nil {
		return err
	}
	return f.use(cmd.Context(), parsed.Job.Location, func(c *cloudRun) error {
		x, err := c.findExecution(cmd.Context(), parsed)
		if err != nil {
			return err
		}
		return do(c, x)
	})
}
