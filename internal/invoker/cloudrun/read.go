package cloudrun

import (
	"context"
	"iter"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// Job returns the job with the given ID or resource name.
func (c *Client) Job(ctx context.Context, job string) (*runpb.Job, error) {
	f := &flight{}
	found, err := c.jobs.GetJob(f.context(ctx), &runpb.GetJobRequest{Name: c.jobName(job)})
	if err != nil {
		return nil, c.failure(err, f)
	}
	if err := checkNames(found.GetName(), found.GetUid()); err != nil {
		return nil, err
	}
	return found, nil
}

// Jobs yields the jobs of the project and region. An error ends the sequence.
func (c *Client) Jobs(ctx context.Context) iter.Seq2[*runpb.Job, error] {
	return func(yield func(*runpb.Job, error) bool) {
		pages(func(token string) ([]*runpb.Job, string, error) {
			f := &flight{}
			jobs := c.jobs.ListJobs(f.context(ctx), &runpb.ListJobsRequest{Parent: c.location.String()})
			return readPage(c, f, fullPage, token, jobs.InternalFetch)
		}, yield)
	}
}

// Execution returns the execution with the given resource name.
func (c *Client) Execution(ctx context.Context, name string) (*runpb.Execution, error) {
	f := &flight{}
	found, err := c.executions.GetExecution(f.context(ctx), &runpb.GetExecutionRequest{Name: name})
	if err != nil {
		return nil, c.failure(err, f)
	}
	if err := checkExecution(found); err != nil {
		return nil, err
	}
	return found, nil
}

// Executions yields the executions of the job with the given ID. An error ends
// the sequence.
func (c *Client) Executions(ctx context.Context, job string) iter.Seq2[*runpb.Execution, error] {
	return func(yield func(*runpb.Execution, error) bool) {
		pages(func(token string) ([]*runpb.Execution, string, error) {
			return c.executionPage(ctx, token, &runpb.ListExecutionsRequest{Parent: c.jobName(job)})
		}, yield)
	}
}

// ExecutionPage returns one page of the executions of the job with the given ID or resource
// name, or of all jobs of the location if the ID is "-", and the token of the next page, empty
// at the end. The page includes deleted executions while Cloud Run keeps them, because they
// have run.
func (c *Client) ExecutionPage(ctx context.Context, job, token string) (page []*runpb.Execution, next string, err error) {
	return c.executionPage(ctx, token, &runpb.ListExecutionsRequest{Parent: c.jobName(job), ShowDeleted: true})
}

func (c *Client) executionPage(ctx context.Context, token string, r *runpb.ListExecutionsRequest) (page []*runpb.Execution, next string, err error) {
	f := &flight{}
	page, next, err = readPage(c, f, fullPage, token, c.executions.ListExecutions(f.context(ctx), r).InternalFetch)
	for _, e := range page {
		if err := checkExecution(e); err != nil {
			return nil, "", err
		}
	}
	return page, next, err
}

// jobName returns the resource name of a job, which may be one already.
func (c *Client) jobName(job string) string {
	if strings.Contains(job, "/") {
		return job
	}
	return jobspec.JobName{Location: c.location, Job: job}.String()
}
