package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith"
)

type jobsOutput struct {
	Body jobList
}

type jobList struct {
	Jobs []runwith.Job `json:"jobs" nullable:"false" doc:"The jobs that can be started."`
}

type jobInput struct {
	JobPath
}

type jobOutput struct {
	Body runwith.Job
}

func (s *server) routeJobs(d huma.API) {
	register(s, d, huma.Operation{
		OperationID: "listJobs",
		Method:      http.MethodGet,
		Path:        prefix + "/jobs",
		Summary:     "The jobs that can be started",
		Description: description(`The jobs that you can start. If the server has a configuration, the list has what the configuration
			says of each; fields that only Cloud Run knows, such as taskCount, are absent.`),
	}, s.jobs)
	register(s, d, huma.Operation{
		OperationID: "getJob",
		Method:      http.MethodGet,
		Path:        prefix + "/jobs/{job}",
		Summary:     "One job",
		Description: "One job. Values of environment variables are left out, because they may be secrets.",
	}, s.job)
}

func (s *server) jobs(ctx context.Context, _ *struct{}) (*jobsOutput, error) {
	jobs, err := s.invoker.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	if jobs == nil {
		jobs = []runwith.Job{} // [], not null
	}
	return &jobsOutput{Body: jobList{Jobs: jobs}}, nil
}

func (s *server) job(ctx context.Context, in *jobInput) (*jobOutput, error) {
	job, err := s.invoker.Job(ctx, in.Job)
	if err != nil {
		return nil, err
	}
	return &jobOutput{Body: job}, nil
}
