package cloudrun

import (
	"context"

	"cloud.google.com/go/run/apiv2/runpb"
)

// The changes of this file are long-running: each returns the name of its
// operation, for [Client.WaitOperation].

// UpdateJob replaces the job with that resource name, or creates it.
func (c *Client) UpdateJob(ctx context.Context, job *runpb.Job) (operation string, err error) {
	f := &flight{}
	op, err := c.jobs.UpdateJob(f.context(ctx), &runpb.UpdateJobRequest{Job: job, AllowMissing: true})
	return named(c, f, op, err)
}

// DeleteJob deletes the job with the given ID, and stops its executions.
func (c *Client) DeleteJob(ctx context.Context, job string) (operation string, err error) {
	f := &flight{}
	op, err := c.jobs.DeleteJob(f.context(ctx), &runpb.DeleteJobRequest{Name: c.jobName(job)})
	return named(c, f, op, err)
}

// CancelExecution asks the execution with the given resource name to end.
func (c *Client) CancelExecution(ctx context.Context, name string) (operation string, err error) {
	f := &flight{}
	op, err := c.executions.CancelExecution(f.context(ctx), &runpb.CancelExecutionRequest{Name: name})
	return named(c, f, op, err)
}

// DeleteExecution deletes the execution with the given resource name, and stops it if it
// runs.
func (c *Client) DeleteExecution(ctx context.Context, name string) (operation string, err error) {
	f := &flight{}
	op, err := c.executions.DeleteExecution(f.context(ctx), &runpb.DeleteExecutionRequest{Name: name})
	return named(c, f, op, err)
}

// named returns the name of the operation that a call returned.
func named(c *Client, f *flight, op interface{ Name() string }, err error) (string, error) {
	if err != nil {
		return "", c.failure(err, f)
	}
	return op.Name(), nil
}
