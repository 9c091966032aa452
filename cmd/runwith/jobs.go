package main

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/display"
)

func newJobs() *cobra.Command {
	var f cloudRunFlags
	group := &cobra.Command{
		Use:   "jobs",
		Short: "List, show, price, apply and delete jobs",
		Long: `Jobs shows, changes and deletes the jobs of the engine of runwith up, or of
Google's Cloud Run. To start a job, see runwith run.`,
		Example: `  runwith jobs list
  runwith jobs apply -f nightly.yaml
  runwith jobs list --endpoint google --project my-project --region us-east4`,
	}
	f.add(group)
	return newGroup(group, newJobsList(&f), newJobsDescribe(&f), newJobsEstimate(), newJobsApply(&f), newJobsDelete(&f))
}

func newJobsList(f *cloudRunFlags) *cobra.Command {
	return f.lists(&cobra.Command{
		Use:   "list",
		Short: "List jobs, the last updated first",
		Example: `  runwith jobs list
  runwith jobs list --json | jq -r '.[].name'`,
	}, listJobs)
}

func listJobs(ctx context.Context, c *cloudRun, out io.Writer, asJSON bool) error {
	jobs, err := collect(c.Jobs(ctx))
	if err != nil {
		return err
	}
	slices.SortStableFunc(jobs, func(a, b *runpb.Job) int {
		return cmp.Or(b.GetUpdateTime().AsTime().Compare(a.GetUpdateTime().AsTime()), strings.Compare(a.GetName(), b.GetName()))
	})
	if asJSON {
		return printMessages(out, jobs)
	}
	return display.Jobs(screen(out), time.Now(), jobs)
}

func newJobsDescribe(f *cloudRunFlags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "describe NAME",
		Short: "Show a job",
		Long: `Describe shows a job's state, and the containers, tasks, retries and timeout of its
executions. NAME is its ID or its full resource name.`,
		Example: `  runwith jobs describe test-job
  runwith jobs describe projects/my-project/locations/us-east4/jobs/nightly --endpoint google --json`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := f.job(cmd, args[0])
			if err != nil {
				return err
			}
			return f.use(cmd.Context(), name.Location, func(c *cloudRun) error {
				job, err := c.findJob(cmd.Context(), name.Job)
				switch {
				case err != nil:
					return err
				case asJSON:
					return printMessage(cmd.OutOrStdout(), job)
				}
				return display.Job(screen(cmd.OutOrStdout()), time.Now(), job)
			})
		},
	}
	addJSON(cmd, &asJSON)
	return cmd
}
