package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/jobspec"
)

// registerJobs creates or updates the jobs of the files, and the sample job where
// there are none.
func registerJobs(ctx context.Context, e *engine.Engine, place placeFlags, files []string, logger *slog.Logger) error {
	at := jobspec.Location{Project: place.project, Region: place.region}
	if len(files) == 0 {
		return registerJob(ctx, e, sampleJob(at), logger)
	}
	for _, file := range files {
		job, err := readJobFile(file, at)
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

// registerJob creates or updates a job. One that is as it should be is left alone,
// so that its generation counts changes and not starts of the server.
func registerJob(ctx context.Context, e *engine.Engine, job *runpb.Job, logger *slog.Logger) error {
	current, err := e.Job(ctx, &runpb.GetJobRequest{Name: job.Name})
	if err == nil && sameJob(current, job) {
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

func sameJob(current, wanted *runpb.Job) bool {
	current, wanted = proto.CloneOf(current), proto.CloneOf(wanted)
	jobspec.ClearOutputOnly(current)
	jobspec.ClearOutputOnly(wanted)
	jobspec.Defaults(wanted)
	current.Etag, wanted.Etag = "", ""
	return proto.Equal(current, wanted)
}

// readJobFile reads a job in the form of v2 or v1, JSON or YAML. Its name may be the
// job's ID alone. What cannot be read is named with file, line and column.
func readJobFile(file string, at jobspec.Location) (*runpb.Job, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read job: %w", err)
	}
	return parseJob(file, text, at)
}

// parseJob reads what stands in a job file.
func parseJob(file string, text []byte, at jobspec.Location) (*runpb.Job, error) {
	if root := v1Job(text); root != nil {
		return parseV1Job(file, text, root, at)
	}
	job := &runpb.Job{}
	if err := unmarshalJob(text, job); err != nil {
		return nil, fmt.Errorf("read job: %s%w", file, err)
	}
	if job.Name == "" {
		return nil, fmt.Errorf("read job: %s: name: is required, such as name: test-job", file)
	}
	if !strings.Contains(job.Name, "/") {
		job.Name = jobspec.JobName{Location: at, Job: job.Name}.String()
	}
	return job, nil
}
