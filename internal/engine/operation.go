package engine

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// operationKind is the change that an operation stands for.
//
// Deviation: a cancel and a deletion are done when every process has ended; Cloud Run
// does not document when its own are.
type operationKind string

const (
	runOperation    operationKind = "run"    // of a job; done when the execution has ended, with an error if it failed
	cancelOperation operationKind = "cancel" // of an execution; done when it has ended
	deleteOperation operationKind = "delete" // of an execution, or of a job; done when nothing of it is active
	jobOperation    operationKind = "job"    // creation or update of a job
)

// Operation returns an operation as it stands now.
// https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.operations/get
func (e *Engine) Operation(ctx context.Context, req *longrunningpb.GetOperationRequest) (*longrunningpb.Operation, error) {
	name, err := jobspec.ParseOperation(req.Name)
	if err != nil {
		return nil, err
	}
	if o, ok := e.live.operation(req.Name); ok {
		return e.operationOn(o.version(), req.Name, o.kind)
	}
	at, err := e.operation(ctx, name)
	return at.op, err
}

// WaitOperation returns an operation when it is done. When the request's timeout passes or
// ctx ends first, it returns the operation as it is then.
// https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.operations/wait
func (e *Engine) WaitOperation(ctx context.Context, req *longrunningpb.WaitOperationRequest) (*longrunningpb.Operation, error) {
	name, err := jobspec.ParseOperation(req.Name)
	if err != nil {
		return nil, err
	}
	if req.Timeout != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, req.Timeout.AsDuration())
		defer cancel()
	}
	// An operation in memory needs no read of the store, which would compete with the start
	// of the process.
	if o, ok := e.live.operation(req.Name); ok {
		return e.awaitEnd(ctx, req.Name, o)
	}
	// Read without ctx: after a timeout, the answer is still the latest state.
	unbound := context.WithoutCancel(ctx)
	at, err := e.operation(unbound, name)
	if err != nil || at.op.Done {
		return at.op, err
	}
	if at.toEnd {
		if a := e.live.find(at.execution); a != nil {
			return e.awaitEnd(ctx, req.Name, liveOperation{a, at.kind})
		}
	}
	changed, leave := e.changes.Subscribe(at.execution)
	defer leave()
	for {
		now, err := e.operation(unbound, name)
		if err != nil || now.op.Done {
			return now.op, err
		}
		if now.execution != at.execution { // a deleted job may have several executions
			return e.WaitOperation(ctx, &longrunningpb.WaitOperationRequest{Name: req.Name})
		}
		select {
		case <-settled(now.unsettled):
		case <-changed:
		case <-ctx.Done():
			return now.op, nil
		case <-e.ctx.Done():
			return nil, errStopping
		}
	}
}

// settled returns a channel that is ready after a time, or never if that is 0.
func settled(left time.Duration) <-chan time.Time {
	if left == 0 {
		return nil
	}
	return time.After(left)
}

// awaitEnd waits until the execution of an operation or ctx has ended, and returns the
// operation as it is then.
func (e *Engine) awaitEnd(ctx context.Context, name string, o liveOperation) (*longrunningpb.Operation, error) {
	select {
	case <-o.ended:
	case <-ctx.Done():
	case <-e.ctx.Done():
		if !o.hasEnded() {
			return nil, errStopping
		}
	}
	return e.operationOn(o.version(), name, o.kind)
}

var errStopping = runwith.Errorf(runwith.Unavailable, "the server is stopping: ask again later")

// Operations returns a page of a location's operations, newest first.
//
// Deviation: a filter is refused; Cloud Run documents none.
func (e *Engine) Operations(ctx context.Context, req *longrunningpb.ListOperationsRequest) (*longrunningpb.ListOperationsResponse, error) {
	at, err := jobspec.ParseLocation(req.Name)
	switch {
	case err != nil:
		return nil, err
	case req.Filter != "":
		return nil, runwith.Errorf(runwith.InvalidArgument, "filter: is not served, leave it out")
	case req.ReturnPartialSuccess:
		return nil, runwith.Errorf(runwith.Unimplemented, "return_partial_success: is not served, leave it out")
	}
	before := "~" // after every name
	p, err := openPage(req.PageSize, req.PageToken, fmt.Sprint("operations ", at), &before)
	if err != nil {
		return nil, err
	}
	res := &longrunningpb.ListOperationsResponse{}
	err = e.read(ctx, func(tx *storeTx) error {
		names, err := tx.operations(at, before, p.size+1)
		if err != nil {
			return err
		}
		if len(names) > p.size {
			names = names[:p.size]
			res.NextPageToken = p.next(names[p.size-1])
		}
		for _, name := range names {
			at, err := tx.operation(name)
			if err != nil {
				return err
			}
			res.Operations = append(res.Operations, at.op)
		}
		return nil
	})
	return res, err
}

// DeleteOperation deletes an operation. The change that it stands for continues.
// https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.operations/delete
func (e *Engine) DeleteOperation(ctx context.Context, req *longrunningpb.DeleteOperationRequest) error {
	name, err := jobspec.ParseOperation(req.Name)
	if err != nil {
		return err
	}
	return e.write(ctx, func(tx *storeTx) error { return tx.deleteOperation(name) })
}

// operation reads an operation.
func (e *Engine) operation(ctx context.Context, name jobspec.OperationName) (at operationRow, err error) {
	err = e.read(ctx, func(tx *storeTx) error {
		at, err = tx.operation(name.String())
		return err
	})
	return at, err
}

func openOperation(name string, metadata proto.Message) (*longrunningpb.Operation, error) {
	packed, err := anypb.New(metadata)
	if err != nil {
		return nil, fmt.Errorf("pack operation's metadata: %w", err)
	}
	return &longrunningpb.Operation{Name: name, Metadata: packed}, nil
}

func doneOperation(name string, result proto.Message) (*longrunningpb.Operation, error) {
	op, err := openOperation(name, result)
	if err != nil {
		return nil, err
	}
	op.Done = true
	op.Result = &longrunningpb.Operation_Response{Response: op.Metadata}
	return op, nil
}

func failedOperation(name string, metadata proto.Message, message string) (*longrunningpb.Operation, error) {
	op, err := openOperation(name, metadata)
	if err != nil {
		return nil, err
	}
	op.Done = true
	op.Result = &longrunningpb.Operation_Error{Error: &statuspb.Status{Code: int32(runwith.Aborted), Message: message}}
	return op, nil
}
