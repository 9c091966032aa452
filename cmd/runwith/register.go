package main

import (
	"context"
	"fmt"
	"log/slog"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/jobfile"
	"github.com/runwith/runwith/internal/jobspec"
)

// registerJobs creates or updates the jobs in the files, or the sample job if there
// are no files.
func registerJobs(ctx context.Context, e *engine.Engine, at jobfile.Target, files []string, logger *slog.Logger) error {
	if len(files) == 0 {
		return registerJob(ctx, e, sampleJob(at.Location), logger)
	}
	for _, file := range files {
		job, err := jobfile.Read(file, at)
		if err != nil {
			return err
		}
		if err := registerJob(ctx, e, job, logger); err != nil {
			return fmt.Errorf("--job %s: %w", file, err)
		}
	}
	return nil
}

func sampleJob(at jobspec.Location) *runpb.Job {
	return &runpb.Job{
		Name: jobspec.JobName{Location: at, Job: "test-job"}.String(),
		Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{
			Containers: []*runpb.Container{{Image: testJobImage}},
		}},
	}
}

// registerJob creates or updates a job. It leaves a job that is up to date alone, so
// that its generation counts changes and not starts of the server.
func registerJob(ctx context.Context, e *engine.Engine, job *runpb.Job, logger *slog.Logger) error {
	current, err := e.Job(ctx, &runpb.GetJobRequest{Name: job.Name})
	if err == nil && jobfile.Same(current, job) {
		return nil
	}
	if err != nil && runwith.CodeOf(err) != runwith.NotFound {
		return err
	}
	if _, err := e.UpdateJob(ctx, &runpb.UpdateJobRequest{Job: job, AllowMissing: true}); err != nil {
		return err
	}
	logger.InfoContext(ctx, "registered job", "job", job.Name)
	return nil
}
