package cloudrun

import (
	"context"
	"iter"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/runwith/runwith"
)

const (
	// waitStep is how long one request waits for an operation.
	waitStep = time.Second
	// waitPause is the pause between two such requests, because Cloud Run may answer at once.
	waitPause = 200 * time.Millisecond
)

// Operations yields the operations of the project and region. An error ends the
// sequence.
func (c *Client) Operations(ctx context.Context) iter.Seq2[*longrunningpb.Operation, error] {
	return func(yield func(*longrunningpb.Operation, error) bool) {
		pages(func(token string) ([]*longrunningpb.Operation, string, error) {
			f := &flight{}
			operations := c.jobs.ListOperations(f.context(ctx), &longrunningpb.ListOperationsRequest{Name: c.location.String()})
			return readPage(c, f, operationPage, token, operations.InternalFetch)
		}, yield)
	}
}

// WaitOperation returns the operation with the given resource name when it is done. Until
// then it calls pending with the operation about once a second. If the operation ended
// with an error, WaitOperation returns that error.
func (c *Client) WaitOperation(ctx context.Context, name string, pending func(*longrunningpb.Operation)) (*longrunningpb.Operation, error) {
	for {
		f := &flight{}
		op, err := c.jobs.WaitOperation(f.context(ctx), &longrunningpb.WaitOperationRequest{
			Name: name, Timeout: durationpb.New(waitStep),
		})
		switch {
		case err != nil:
			return nil, c.failure(err, f)
		case op.GetError() != nil:
			return nil, &runwith.Error{Code: code(int(op.GetError().GetCode())), Message: short(op.GetError().GetMessage(), maxMessage)}
		case op.GetDone():
			return op, nil
		}
		pending(op)
		select {
		case <-time.After(waitPause):
		case <-ctx.Done():
			return nil, c.failure(ctx.Err(), f)
		}
	}
}

// AwaitEnd waits until the operation of a run is done, for as long as hold at most, and
// returns the execution as it is then. It sends one request, which Cloud Run holds as long
// as it likes: Google's may answer at once although the execution has not ended. The
// execution is nil if the operation does not carry it.
//
// See https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.operations/wait.
func (c *Client) AwaitEnd(ctx context.Context, operation string, hold time.Duration) (*runpb.Execution, error) {
	f := &flight{}
	op, err := c.jobs.WaitOperation(f.context(ctx), &longrunningpb.WaitOperationRequest{Name: operation, Timeout: durationpb.New(hold)},
		gax.WithGRPCOptions(grpc.MaxCallRecvMsgSize(maxHeldAnswer)))
	if err != nil {
		return nil, c.failure(err, f)
	}
	// A run that failed is an operation with an error, and so has no response. The metadata
	// is the execution in any case.
	execution := &runpb.Execution{}
	if !op.GetMetadata().MessageIs(execution) {
		return nil, nil
	}
	if err := op.GetMetadata().UnmarshalTo(execution); err != nil {
		return nil, &runwith.Error{Code: runwith.Internal, Message: "Cloud Run's answer has an execution that cannot be read", Err: err}
	}
	if err := checkExecution(execution); err != nil {
		return nil, err
	}
	return execution, nil
}
