package engine

import (
	"context"
	"errors"
	"fmt"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/uuid"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/sqlite"
)

// Operation returns an operation as it stands now.
func (e *Engine) Operation(ctx context.Context, req *longrunningpb.GetOperationRequest) (*longrunningpb.Operation, error) {
	name, err := jobspec.ParseOperation(req.Name)
	if err != nil {
		return nil, err
	}
	op, _, err := e.operation(ctx, name)
	return op, err
}

// WaitOperation returns an operation when it is done, or as it stands when the
// request's timeout or ctx has passed.
func (e *Engine) WaitOperation(ctx context.Context, req *longrunningpb.WaitOperationRequest) (*longrunningpb.Operation, error) {
	name, err := jobspec.ParseOperation(req.Name)
	if err != nil {
		return nil, err
	}
	_, execution, err := e.operation(ctx, name)
	if err != nil {
		return nil, err
	}
	if req.Timeout != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, req.Timeout.AsDuration())
		defer cancel()
	}
	changed, leave := e.changes.subscribe(execution)
	defer leave()
	for {
		// Read without ctx: a wait that has run out still answers with the latest state.
		op, _, err := e.operation(context.WithoutCancel(ctx), name)
		if err != nil || op.Done {
			return op, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return op, nil
		case <-e.ctx.Done():
			return nil, runwith.Errorf(runwith.Unavailable, "the server is stopping: ask again later")
		}
	}
}

// operation reads an operation, and the execution on which its end depends.
func (e *Engine) operation(ctx context.Context, name jobspec.OperationName) (op *longrunningpb.Operation, execution int64, err error) {
	err = e.read(ctx, func(tx *storeTx) error {
		op, execution, err = tx.operation(name)
		return err
	})
	return op, execution, err
}

func (tx *storeTx) operation(name jobspec.OperationName) (*longrunningpb.Operation, int64, error) {
	var (
		execution, job *int64
		blob           []byte
	)
	err := tx.QueryRow(`SELECT execution, job, message FROM operations WHERE name = ?`, name.String()).Scan(&execution, &job, &blob)
	switch {
	case errors.Is(err, sqlite.ErrNoRows):
		return nil, 0, runwith.Errorf(runwith.NotFound, "operation %s does not exist", name)
	case err != nil:
		return nil, 0, err
	case execution != nil:
		row, err := tx.executionByID(*execution)
		if err != nil {
			return nil, 0, err
		}
		op, err := row.operation(name)
		return op, *execution, err
	}
	message, err := unmarshal(blob, &runpb.Job{})
	if err != nil {
		return nil, 0, err
	}
	if job != nil {
		active, err := tx.activeExecutions(*job)
		if err != nil {
			return nil, 0, err
		}
		if len(active) > 0 {
			op, err := openOperation(name.String(), message)
			return op, active[0], err
		}
	}
	op, err := doneOperation(name.String(), message)
	return op, 0, err
}

// operation is that of the run which created the execution. A failed run ends it
// with an error, a cancelled one does not.
func (r *executionRow) operation(name jobspec.OperationName) (*longrunningpb.Operation, error) {
	x := r.proto()
	switch r.state {
	case succeeded, cancelled:
		return doneOperation(name.String(), x)
	case failed:
		op, err := openOperation(name.String(), x)
		if err != nil {
			return nil, err
		}
		op.Done = true
		op.Result = &longrunningpb.Operation_Error{Error: &statuspb.Status{
			Code: int32(runwith.Aborted), Message: x.Conditions[0].Message}}
		return op, nil
	}
	return openOperation(name.String(), x)
}

// runOperation stores the operation of a run.
func (tx *storeTx) runOperation(at jobspec.Location, execution *executionRow) (*longrunningpb.Operation, error) {
	name, err := tx.insertOperation(at, &execution.id, nil, nil)
	if err != nil {
		return nil, err
	}
	seen := *execution
	seen.message = proto.CloneOf(execution.message)
	return seen.operation(name)
}

// deleteOperation stores the operation of a job's deletion.
func (tx *storeTx) deleteOperation(at jobspec.Location, job *jobRow) (*longrunningpb.Operation, error) {
	name, err := tx.insertOperation(at, nil, &job.id, job.proto())
	if err != nil {
		return nil, err
	}
	op, _, err := tx.operation(name)
	return op, err
}

// jobOperation stores an operation that is done: that of a job's creation or update.
func (tx *storeTx) jobOperation(at jobspec.Location, job *runpb.Job) (*longrunningpb.Operation, error) {
	name, err := tx.insertOperation(at, nil, nil, job)
	if err != nil {
		return nil, err
	}
	return doneOperation(name.String(), job)
}

func (tx *storeTx) insertOperation(at jobspec.Location, execution, job *int64, message *runpb.Job) (jobspec.OperationName, error) {
	name := jobspec.OperationName{Location: at, Operation: uuid.NewString()}
	blob, err := proto.Marshal(message)
	if err != nil {
		return name, err
	}
	if blob == nil {
		blob = []byte{} // NULL otherwise
	}
	_, err = tx.Exec(`INSERT INTO operations (name, execution, job, message) VALUES (?, ?, ?, ?)`,
		name.String(), execution, job, blob)
	return name, err
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
