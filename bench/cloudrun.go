package main

import (
	"context"
	"errors"
	"fmt"

	longrunning "cloud.google.com/go/longrunning/autogen"
	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	run "cloud.google.com/go/run/apiv2"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	location = "projects/demo/locations/us-east4"
	jobID    = "bench"
	jobName  = location + "/jobs/" + jobID
)

// cloudRun is Google's own client of a Cloud Run Jobs API, over one connection.
// Its methods may be called concurrently.
type cloudRun struct {
	conn       *grpc.ClientConn
	jobs       *run.JobsClient
	executions *run.ExecutionsClient
	// operations waits in one call, while the Wait of the jobs client asks once a second.
	operations *longrunning.OperationsClient
}

// dial returns a client of the API at HOST:PORT. The caller closes it.
func dial(ctx context.Context, addr string) (_ *cloudRun, err error) {
	c := &cloudRun{}
	c.conn, err = grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	opts := []option.ClientOption{option.WithGRPCConn(c.conn), option.WithoutAuthentication()}
	var errs [3]error
	c.jobs, errs[0] = run.NewJobsClient(ctx, opts...)
	c.executions, errs[1] = run.NewExecutionsClient(ctx, opts...)
	c.operations, errs[2] = longrunning.NewOperationsClient(ctx, opts...)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *cloudRun) close() error { return c.conn.Close() }

// createJob creates a job with so many tasks of `true`, and the parallelism.
func (c *cloudRun) createJob(ctx context.Context, id string, tasks, parallelism int32) error {
	return c.create(ctx, id, &runpb.ExecutionTemplate{TaskCount: tasks, Parallelism: parallelism, Template: &runpb.TaskTemplate{
		Retries:    &runpb.TaskTemplate_MaxRetries{MaxRetries: 0},
		Containers: []*runpb.Container{{Image: "true", Command: []string{"true"}}},
	}})
}

// create creates a job from a template.
func (c *cloudRun) create(ctx context.Context, id string, template *runpb.ExecutionTemplate) error {
	op, err := c.jobs.CreateJob(ctx, &runpb.CreateJobRequest{Parent: location, JobId: id, Job: &runpb.Job{Template: template}})
	if err != nil {
		return fmt.Errorf("create job: %w", err)
	}
	_, err = op.Wait(ctx)
	return err
}

// start starts a job and returns its operation.
func (c *cloudRun) start(ctx context.Context, job string) (*run.RunJobOperation, error) {
	op, err := c.jobs.RunJob(ctx, &runpb.RunJobRequest{Name: location + "/jobs/" + job})
	if err != nil {
		return nil, fmt.Errorf("run job: %w", err)
	}
	return op, nil
}

// run runs a job to its end.
func (c *cloudRun) run(ctx context.Context, job string) error {
	op, err := c.start(ctx, job)
	if err != nil {
		return err
	}
	return c.wait(ctx, op.Name())
}

// wait waits until a run is done.
func (c *cloudRun) wait(ctx context.Context, operation string) error {
	for {
		op, err := c.operations.WaitOperation(ctx, &longrunningpb.WaitOperationRequest{Name: operation})
		switch {
		case err != nil:
			return fmt.Errorf("wait for the run: %w", err)
		case op.GetError() != nil:
			return fmt.Errorf("the run failed: %s", op.GetError().Message)
		case op.Done:
			return nil
		}
	}
}

func (c *cloudRun) runOne(ctx context.Context) error {
	return c.run(ctx, jobID)
}

// countExecutions counts the executions of all jobs.
func (c *cloudRun) countExecutions(ctx context.Context) (n int, err error) {
	list := c.executions.ListExecutions(ctx, &runpb.ListExecutionsRequest{Parent: location + "/jobs/-", PageSize: 1000, ShowDeleted: true})
	for _, err := range list.All() {
		if err != nil {
			return n, fmt.Errorf("list executions: %w", err)
		}
		n++
	}
	return n, nil
}
