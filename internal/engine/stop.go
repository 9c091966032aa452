package engine

import (
	"context"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/microtime"
)

// CancelExecution asks an execution to end. Its operation is done when every process has
// ended.
//
// Deviation: a second cancel changes nothing, and a cancel after another end is
// FAILED_PRECONDITION; Cloud Run documents neither.
//
// See https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2#google.cloud.run.v2.Executions.CancelExecution.
func (e *Engine) CancelExecution(ctx context.Context, req *runpb.CancelExecutionRequest) (*longrunningpb.Operation, error) {
	return e.end(ctx, endRequest{req.Name, req.Etag, req.ValidateOnly}, cancelOperation, func(tx *storeTx, row *executionRow) error {
		if row.state.terminal() && row.state != cancelled {
			return runwith.Errorf(runwith.FailedPrecondition, "execution %s has ended: it %s, and there is nothing left to cancel", row.message.Name, row.state)
		}
		return tx.stopExecution(row.id, stopCancel)
	})
}

// DeleteExecution hides an execution and its output, and stops it. Its operation is done
// when every process has ended.
// https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2#google.cloud.run.v2.Executions.DeleteExecution
func (e *Engine) DeleteExecution(ctx context.Context, req *runpb.DeleteExecutionRequest) (*longrunningpb.Operation, error) {
	if err := e.freeOutput(ctx, req); err != nil {
		return nil, err
	}
	op, err := e.end(ctx, endRequest{req.Name, req.Etag, req.ValidateOnly}, deleteOperation, func(tx *storeTx, row *executionRow) error {
		if err := tx.stopExecution(row.id, stopDelete); err != nil {
			return err
		}
		return tx.hideExecution(row, microtime.Of(time.Now()))
	})
	if err == nil && !req.ValidateOnly {
		e.tidySoon()
	}
	return op, err
}

// freeOutput removes the output of an ended execution that is to be deleted. Files go
// before rows, so that a deletion makes room even if the disk is full. It leaves errors of
// the request to the deletion itself.
func (e *Engine) freeOutput(ctx context.Context, req *runpb.DeleteExecutionRequest) error {
	name, err := jobspec.ParseExecution(req.Name)
	if err != nil || req.ValidateOnly {
		return nil //nolint:nilerr // the deletion refuses the name
	}
	var row *executionRow
	err = e.read(ctx, func(tx *storeTx) error {
		row, err = tx.execution(name)
		return err
	})
	if err != nil || !row.state.terminal() || checkEtag(req.Etag, etagOf(row.updated, row.message.Generation)) != nil {
		return nil //nolint:nilerr // the deletion finds the error again
	}
	return e.logs.Delete(row.message.Uid)
}

// endRequest holds the common fields of a cancel and a deletion.
type endRequest struct {
	name, etag   string
	validateOnly bool
}

// end makes a change that stops an execution. [Engine.follow] stops the tasks when that is
// on disk.
func (e *Engine) end(ctx context.Context, req endRequest, kind operationKind, change func(*storeTx, *executionRow) error) (*longrunningpb.Operation, error) {
	name, err := jobspec.ParseExecution(req.name)
	if err != nil {
		return nil, err
	}
	return e.change(ctx, req.validateOnly, func(tx *storeTx) (*longrunningpb.Operation, error) {
		row, err := tx.execution(name)
		if err != nil {
			return nil, err
		}
		if err := checkEtag(req.etag, etagOf(row.updated, row.message.Generation)); err != nil {
			return nil, err
		}
		if err := change(tx, row); err != nil {
			return nil, err
		}
		if row, err = tx.executionByID(row.id); err != nil {
			return nil, err
		}
		v := versionOf(row)
		operation, err := tx.addExecutionOperation(name.Job.Location, kind, v)
		if err != nil {
			return nil, err
		}
		op, err := e.operationOn(v, operation, kind)
		if err != nil || kind != deleteOperation || req.validateOnly {
			return op, err
		}
		return reopened(op, v.message())
	})
}
