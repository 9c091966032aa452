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
		Long: `Delete stops the running executions of a job and deletes the job with all its
executions. NAME is its ID or its full resource name. At a terminal it requires
--yes.`,
		Example: `  runwith jobs delete nightly --yes
  runwith jobs delete nightly --yes --async`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := f.job(cmd, args[0])
			if err != nil {
				return err
			}
			if !yes && terminal.Is(cmd.InOrStdin()) {
				return misused("this deletes job %s with its executions and their output for good; confirm with --yes", name.Job)
			}
			return f.use(cmd.Context(), name.Location, func(c *cloudRun) error {
				return c.remove(cmd, removal{
					kind: "job", id: name.Job, done: "deleted",
					begin: func(ctx context.Context) (string, error) { return c.DeleteJob(ctx, name.Job) },
				}, async)
			})
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "confirm the deletion")
	addAsync(cmd, &async)
	return cmd
}
