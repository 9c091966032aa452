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
		Use:   "apply FILE...",
		Short: "Create or update jobs from files",
		Long: `Apply creates or updates one job for each file. A file is YAML or JSON in the form
of Cloud Run's API v2, or of v1, which gcloud run jobs replace takes. FILE may be -
for standard input, and -f may precede it. A job that is up to date does not
change. If any file has a mistake, no job changes.

As with gcloud, --region overrides the region in a v1 file's label, and the label
overrides the engine's region. With --project, a file of another project is an error;
without it, the job goes to the project in the file.`,
		Example: `  runwith jobs apply nightly.yaml hourly.json
  sed s/TAG/v2/ nightly.yaml | runwith jobs apply -f -`,
		RunE: func(cmd *cobra.Command, args []string) error {
			files := append(files, args...)
			if len(files) == 0 {
				return misused("FILE: is required, such as nightly.yaml; - reads standard input")
			}
			at, err := f.location(cmd)
			if err != nil {
				return err
			}
			flags := cmd.Flags()
			jobs, err := readJobs(cmd.InOrStdin(), files, jobfile.Target{
				Location: at, FixedProject: flags.Changed("project"), FixedRegion: flags.Changed("region"),
			})
			if err != nil {
				return err
			}
			for i, job := range jobs {
				if err := applyJob(cmd, f, job); err != nil {
					return fmt.Errorf("%s: %w", fileName(files[i]), err)
				}
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVarP(&files, "file", "f", nil, "job `FILE`, or - for standard input (repeatable)")
	return cmd
}

// fileName returns the name of a job file in messages.
func fileName(file string) string {
	if file == "-" {
		return "standard input"
	}
	return file
}

// readJobs reads a job from each file, and reports the mistakes of all.
func readJobs(stdin io.Reader, files []string, at jobfile.Target) ([]*runpb.Job, error) {
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

func readJobFrom(stdin io.Reader, file string, at jobfile.Target) (*runpb.Job, error) {
	if file != "-" {
		return jobfile.Read(file, at)
	}
	text, err := io.ReadAll(stdin)
	if err != nil {
		return nil, fmt.Errorf("read job: %w", err)
	}
	return jobfile.Parse(fileName(file), text, at)
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
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "job %s %s in %s of %s\n", name.Job, done, name.Region, name.Project)
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
