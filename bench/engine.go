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

	// manyTasks is the size of the large execution.
	manyTasks = 1000
	// runTarget bounds a run, as a multiple of fork, exec and wait.
	runTarget = 3
)

// cloudRun is Google's own client of a Cloud Run Jobs API, over one connection.
// Its methods may be called concurrently.
type cloudRun struct {
	conn       *grpc.ClientConn
	jobs       *run.JobsClient
	executions *run.ExecutionsClient
	// operations waits in one call: the Wait of the jobs client asks once a second.
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

// createJob creates the job that all scenarios run: `true`, once.
func (c *cloudRun) createJob(ctx context.Context) error {
	job := &runpb.Job{Template: &runpb.ExecutionTemplate{TaskCount: 1, Template: &runpb.TaskTemplate{
		Retries:    &runpb.TaskTemplate_MaxRetries{MaxRetries: 0},
		Containers: []*runpb.Container{{Image: "true", Command: []string{"true"}}},
	}}}
	op, err := c.jobs.CreateJob(ctx, &runpb.CreateJobRequest{Parent: location, JobId: jobID, Job: job})
	if err != nil {
		return fmt.Errorf("create job: %w", err)
	}
	_, err = op.Wait(ctx)
	return err
}

// run runs the job to its end, with overrides where they are not nil.
func (c *cloudRun) run(ctx context.Context, o *runpb.RunJobRequest_Overrides) (*longrunningpb.Operation, error) {
	started, err := c.jobs.RunJob(ctx, &runpb.RunJobRequest{Name: jobName, Overrides: o})
	if err != nil {
		return nil, fmt.Errorf("run job: %w", err)
	}
	for {
		op, err := c.operations.WaitOperation(ctx, &longrunningpb.WaitOperationRequest{Name: started.Name()})
		switch {
		case err != nil:
			return nil, fmt.Errorf("wait for the run: %w", err)
		case op.GetError() != nil:
			return nil, fmt.Errorf("the run failed: %s", op.GetError().Message)
		case op.Done:
			return op, nil
		}
	}
}

func (c *cloudRun) runOne(ctx context.Context) error {
	_, err := c.run(ctx, nil)
	return err
}

// measureRun measures one run after the other.
func measureRun(ctx context.Context, b *bench) ([]row, error) {
	c, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	times, err := interleave(ctx, plan{b.n, streak}, timed(b.floor.fork), timed(b.floor.durable), timed(c.runOne))
	if err != nil {
		return nil, err
	}
	return []row{
		newRow("a run of `true`, RunJob to done", seconds, times[2]).beside(forkFloor, times[0]).times(runTarget),
		newRow("the same", seconds, times[2]).beside(durableFloor, times[1]),
	}, nil
}

// measureRuns measures runs by several clients, each with a connection of its own.
func measureRuns(ctx context.Context, b *bench) ([]row, error) {
	if _, err := b.open(ctx); err != nil {
		return nil, err
	}
	clients := make([]*cloudRun, b.clientsOr(16))
	for i := range clients {
		c, err := dial(ctx, b.up.addr)
		if err != nil {
			return nil, err
		}
		defer c.close() //nolint:errcheck // nothing is under way
		clients[i] = c
	}
	each := func(f func(context.Context) error) probe {
		return rate(len(clients), 2*b.n, func(ctx context.Context, _ int) error { return f(ctx) })
	}
	rates, err := interleave(ctx, plan{min(rounds, b.n), 1}, each(b.floor.fork), each(b.floor.durable),
		rate(len(clients), 2*b.n, func(ctx context.Context, i int) error { return clients[i].runOne(ctx) }))
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("runs of `true`, %d clients", len(clients))
	return []row{
		newRow(what, perSecond, rates[2]).beside(fmt.Sprintf("%s, %d goroutines", forkFloor, len(clients)), rates[0]),
		newRow("the same", perSecond, rates[2]).beside(durableFloor, rates[1]),
	}, nil
}

// measureTasks measures one large execution.
func measureTasks(ctx context.Context, b *bench) ([]row, error) {
	c, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	rates, err := interleave(ctx, plan{min(rounds, b.n), 1},
		rate(2, manyTasks, func(ctx context.Context, _ int) error { return b.floor.fork(ctx) }),
		func(ctx context.Context) (float64, error) {
			took, err := timed(func(ctx context.Context) error {
				_, err := c.run(ctx, &runpb.RunJobRequest_Overrides{TaskCount: manyTasks})
				return err
			})(ctx)
			return manyTasks / took, err
		})
	if err != nil {
		return nil, err
	}
	return []row{newRow(fmt.Sprintf("tasks of `true`, %d in one run", manyTasks), perSecond, rates[1]).
		beside(forkFloor+", 2 goroutines", rates[0])}, nil
}

// measureRead measures how long it takes to read an execution, with the same
// client on either side.
func measureRead(ctx context.Context, b *bench) ([]row, error) {
	c, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	op, err := c.run(ctx, nil)
	if err != nil {
		return nil, err
	}
	x := &runpb.Execution{}
	if err := op.GetResponse().UnmarshalTo(x); err != nil {
		return nil, fmt.Errorf("read the run's answer: %w", err)
	}
	b.floor.execution.Store(x)
	rest, err := dialREST(ctx, b.up.addr)
	if err != nil {
		return nil, err
	}
	defer rest.Close()
	bareREST, err := dialREST(ctx, b.floor.restAddr)
	if err != nil {
		return nil, err
	}
	defer bareREST.Close()
	read := func(c *run.ExecutionsClient) probe {
		return timed(func(ctx context.Context) error {
			_, err := c.GetExecution(ctx, &runpb.GetExecutionRequest{Name: x.Name})
			return err
		})
	}
	times, err := interleave(ctx, plan{5 * b.n, streak}, read(b.floor.client.executions), read(c.executions), read(bareREST), read(rest))
	if err != nil {
		return nil, err
	}
	return []row{
		newRow("GetExecution over gRPC", seconds, times[1]).beside("gRPC handler that marshals the message", times[0]),
		newRow("GetExecution over REST", seconds, times[3]).beside("net/http handler that marshals the message", times[2]),
	}, nil
}

func dialREST(ctx context.Context, addr string) (*run.ExecutionsClient, error) {
	return run.NewExecutionsRESTClient(ctx, option.WithEndpoint("http://"+addr), option.WithoutAuthentication())
}
