package cloudrun

import (
	"context"
	"errors"
	"iter"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/iterator"

	"github.com/runwith/runwith/internal/jobspec"
)

// Job returns the job with the given ID or resource name.
func (c *Client) Job(ctx context.Context, job string) (*runpb.Job, error) {
	f := &flight{}
	found, err := c.jobs.GetJob(f.context(ctx), &runpb.GetJobRequest{Name: c.jobName(job)})
	if err != nil {
		return nil, c.failure(err, f)
	}
	return found, nil
}

// Jobs yields the jobs of the project and region. An error ends the sequence.
func (c *Client) Jobs(ctx context.Context) iter.Seq2[*runpb.Job, error] {
	return func(yield func(*runpb.Job, error) bool) {
		f := &flight{}
		jobs := c.jobs.ListJobs(f.context(ctx), &runpb.ListJobsRequest{Parent: c.location.String()})
		pages(c, f, jobs.Next, yield)
	}
}

// Execution returns the execution with the given resource name.
func (c *Client) Execution(ctx context.Context, name string) (*runpb.Execution, error) {
	f := &flight{}
	found, err := c.executions.GetExecution(f.context(ctx), &runpb.GetExecutionRequest{Name: name})
	if err != nil {
		return nil, c.failure(err, f)
	}
	return found, nil
}

// Executions yields the executions of the job with the given ID. An error ends
// the sequence.
func (c *Client) Executions(ctx context.Context, job string) iter.Seq2[*runpb.Execution, error] {
	return func(yield func(*runpb.Execution, error) bool) {
		f := &flight{}
		executions := c.executions.ListExecutions(f.context(ctx), &runpb.ListExecutionsRequest{Parent: c.jobName(job)})
		pages(c, f, executions.Next, yield)
	}
}

// executionPage is the number of executions in a page. Cloud Run may send fewer.
const executionPage = 1000

// ExecutionPage returns one page of the executions of the job with the given ID or resource
// name, or of all jobs of the location if the ID is "-", and the token of the next page, empty at the end. It sends one
// request. The page includes deleted executions while Cloud Run keeps them, because they
// have run.
func (c *Client) ExecutionPage(ctx context.Context, job, token string) (page []*runpb.Execution, next string, err error) {
	f := &flight{}
	found := c.executions.ListExecutions(f.context(ctx), &runpb.ListExecutionsRequest{
		Parent: c.jobName(job), PageSize: executionPage, PageToken: token, ShowDeleted: true,
	})
	for first := true; first || found.PageInfo().Remaining() > 0; first = false {
		e, err := found.Next()
		switch {
		case errors.Is(err, iterator.Done):
			return page, "", nil
		case err != nil:
			return nil, "", c.failure(err, f)
		}
		page = append(page, e)
	}
	return page, found.PageInfo().Token, nil
}

// pages yields the items of the library's iterator.
func pages[T any](c *Client, f *flight, next func() (T, error), yield func(T, error) bool) {
	for {
		found, err := next()
		switch {
		case errors.Is(err, iterator.Done):
			return
		case err != nil:
			yield(found, c.failure(err, f))
			return
		case !yield(found, nil):
			return
		}
	}
}

// jobName returns the resource name of a job, which may be one already.
func (c *Client) jobName(job string) string {
	if strings.Contains(job, "/") {
		return job
	}
	return jobspec.JobName{Location: c.location, Job: job}.String()
}
