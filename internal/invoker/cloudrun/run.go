package cloudrun

import (
	"context"
	"errors"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/grpc"

	"github.com/runwith/runwith"
)

// Run is a run that Cloud Run has started.
type Run struct {
	Execution *runpb.Execution
	// Operation is the resource name of the operation that is done when the execution
	// has ended.
	Operation string
}

// Run starts the job with the given ID or resource name. It sends at most one request, whatever happens.
// [OutcomeOf] tells the outcome from the error.
//
// See https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2#google.cloud.run.v2.Jobs.RunJob.
func (c *Client) Run(ctx context.Context, job string, o *runpb.RunJobRequest_Overrides) (Run, error) {
	f := &flight{}
	op, err := c.jobs.RunJob(f.context(ctx),
		&runpb.RunJobRequest{Name: c.jobName(job), Overrides: o},
		gax.WithRetry(func() gax.Retryer { return nil }),
		gax.WithGRPCOptions(grpc.PerRPCCredentials(single{f})))
	if err != nil {
		failed := c.runFailure(err, f)
		c.logger.DebugContext(ctx, "run of job", "job", job, "outcome", OutcomeOf(failed), "error", brief{err})
		return Run{}, failed
	}
	execution, err := op.Metadata()
	if err != nil || execution.GetName() == "" {
		return Run{}, &runwith.Error{Code: runwith.Internal, Err: err,
			Message: "Cloud Run's answer to the run names no execution: look at the executions of job " + job}
	}
	if err := errors.Join(checkExecution(execution), checkNames(op.Name())); err != nil {
		return Run{}, err
	}
	return Run{Execution: execution, Operation: op.Name()}, nil
}

// runFailure is [Client.failure] for a run. Only the server's own answer may look like one:
// a reset stream also has codes such as RESOURCE_EXHAUSTED or PERMISSION_DENIED, which say
// nothing about what the server did.
func (c *Client) runFailure(err error, f *flight) error {
	e := c.failure(err, f)
	if !f.grounded() && !f.answered.Load() && OutcomeOf(e) != Unknown {
		e.Code = runwith.Unavailable
	}
	return e
}
