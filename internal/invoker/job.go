package invoker

import (
	"context"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
)

// Jobs returns all jobs of Cloud Run.
func (v *Invoker) Jobs(ctx context.Context) ([]runwith.Job, error) {
	jobs := []runwith.Job{}
	for job, err := range v.cloud.Jobs(ctx) {
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, cloudrun.JobOf(job))
	}
	return jobs, nil
}

// Job returns the job with the given ID or resource name, or NOT_FOUND.
func (v *Invoker) Job(ctx context.Context, job string) (runwith.Job, error) {
	if err := validateTarget(job); err != nil {
		return runwith.Job{}, err
	}
	found, err := v.readJob(ctx, job)
	if err != nil {
		return runwith.Job{}, err
	}
	return cloudrun.JobOf(found), nil
}
