package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/jobfile"
	"github.com/runwith/runwith/internal/jobspec"
)

func newJobsApply(f *cloudRunFlags) *cobra.Command {
	var files []string
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Create or update jobs from files",
		Long: `Apply creates or updates one job for each file. A file is YAML or JSON in the form
of Cloud Run's API v2, or of v1, which gcloud run jobs replace takes. A job that
is up to date does not change. If any file has a mistake, no job changes.`,
		Example: `  runwith jobs apply -f nightly.yaml -f hourly.json
  sed s/TAG/v2/ nightly.yaml | runwith jobs apply -f -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(files) == 0 {
				return misused("-f FILE: is required; -f - reads standard input")
			}
			at, err := f.location(cmd)
			if err != nil {
				return err
			}
			jobs, err := readJobs(cmd.InOrStdin(), files, at)
			if err != nil {
				return err
			}
			for i, job := range jobs {
				if err := applyJob(cmd, f, job); err != nil {
					return fmt.Errorf("-f %s: %w", files[i], err)
				}
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVarP(&files, "file", "f", nil, "job `FILE`, or - for standard input (repeatable)")
	return cmd
}

// readJobs reads a job from each file, and reports the mistakes of all.
func readJobs(stdin io.Reader, files []string, at jobspec.Location) ([]*runpb.Job, error) {
	var (
		jobs []*runpb.Job
		errs []error
	)
	for _, file := range files {
		job, err := readJobFrom(stdin, file, at)
		jobs, errs = append(jobs, job), append(errs, err)
	}
	return jobs, errors.Join(errs...)
}

func readJobFrom(stdin io.Reader, file string, at jobspec.Location) (*runpb.Job, error) {
	if file != "-" {
		return jobfile.Read(file, at)
	}
	text, err := io.ReadAll(stdin)
	if err != nil {
		return nil, fmt.Errorf("read job: %w", err)
	}
	return jobfile.Parse("standard input", text, at)
}

// applyJob creates or updates a job, and prints which.
func applyJob(cmd *cobra.Command, f *cloudRunFlags, job *runpb.Job) error {
	name, err := jobspec.ParseJob(job.GetName())
	if err != nil {
		return err
	}
	return f.use(cmd.Context(), name.Location, func(c *cloudRun) error {
		done, err := change(cmd.Context(), c, cmd.ErrOrStderr(), job, name.Job)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "job %s %s\n", name.Job, done)
		return err
	})
}

// change creates or updates a job, and returns which in one word.
func change(ctx context.Context, c *cloudRun, progress io.Writer, job *runpb.Job, id string) (string, error) {
	current, err := c.Job(ctx, id)
	switch {
	case err != nil && runwith.CodeOf(err) != runwith.NotFound:
		return "", err
	case err == nil && jobfile.Same(current, job):
		return "unchanged", nil
	}
	operation, err := c.UpdateJob(ctx, job)
	if err != nil {
		return "", err
	}
	op, err := c.await(ctx, progress, operation)
	if err != nil {
		return "", err
	}
	var after runpb.Job
	if err := op.GetResponse().UnmarshalTo(&after); err != nil {
		return "", fmt.Errorf("read the answer to the update: %w", err)
	}
	switch {
	case current == nil:
		return "created", nil
	case after.GetGeneration() == current.GetGeneration(): // Cloud Run knows more defaults than jobfile.Same
		return "unchanged", nil
	}
	return "updated", nil
}
