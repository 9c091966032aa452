package main

import (
	"context"
	"path"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/spf13/cobra"
)

func newExecutionsCancel(f *cloudRunFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cancel NAME",
		Short: "Cancel an execution",
		Long: `Cancel stops the tasks of an execution and waits until they have ended. Their
output is kept. NAME is the execution's ID or its full resource name.`,
		Example: `  runwith executions cancel test-job-x7k2p
  runwith executions cancel test-job-x7k2p --async`,
	}
	return f.endsExecution(cmd, "cancelled", (*cloudRun).CancelExecution)
}

func newExecutionsDelete(f *cloudRunFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete an execution, with its output",
		Long: `Delete deletes an execution and its output. It stops a running execution first,
and waits until its tasks have ended. NAME is its ID or its full resource name.`,
		Example: `  runwith executions delete test-job-x7k2p
  runwith executions delete test-job-x7k2p --async`,
	}
	return f.endsExecution(cmd, "deleted", (*cloudRun).DeleteExecution)
}

// endsExecution makes cmd a command that ends an execution. done is the result in one
// word.
func (f *cloudRunFlags) endsExecution(cmd *cobra.Command, done string, begin func(*cloudRun, context.Context, string) (string, error)) *cobra.Command {
	var async bool
	cmd.Args = oneArgument
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return f.useExecution(cmd, args[0], func(c *cloudRun, x *runpb.Execution) error {
			return c.remove(cmd, removal{
				kind: "execution", id: path.Base(x.GetName()), done: done,
				begin: func(ctx context.Context) (string, error) { return begin(c, ctx, x.GetName()) },
			}, async)
		})
	}
	addAsync(cmd, &async)
	return cmd
}
