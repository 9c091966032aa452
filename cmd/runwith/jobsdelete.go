package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/terminal"
)

func newJobsDelete(f *cloudRunFlags) *cobra.Command {
	var yes, async bool
	cmd := &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete a job, with its executions and their output",
		Long: `Delete deletes a job, stops what runs of it, and waits until that has ended.
NAME is its ID or its full resource name. At a terminal --yes says that it is
meant.`,
		Example: `  runwith jobs delete nightly --yes
  runwith jobs delete nightly --yes --async`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := f.job(cmd, args[0])
			if err != nil {
				return err
			}
			if !yes && terminal.Is(cmd.InOrStdin()) {
				return misused("delete takes job %s with its executions and their output, for good: say --yes if that is meant", name.Job)
			}
			return f.use(cmd.Context(), name.Location, func(c *cloudRun) error {
				return c.remove(cmd, removal{
					kind: "job", id: name.Job, done: "deleted",
					begin: func(ctx context.Context) (string, error) { return c.DeleteJob(ctx, name.Job) },
				}, async)
			})
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "delete without asking")
	addAsync(cmd, &async)
	return cmd
}
