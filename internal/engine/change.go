package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// etagOf returns the etag of a version of a resource. It is quoted, as Google's are.
func etagOf(updated time.Time, generation int64) string {
	return fmt.Sprintf("%q", fmt.Sprintf("%x-%x", updated.UnixNano(), generation))
}

// checkEtag refuses a change of a version that the caller has not seen. An empty etag
// skips the check.
func checkEtag(given, current string) error {
	if given == "" || given == current {
		return nil
	}
	return jobspec.FieldErrorf(runwith.Aborted, "etag",
		"is %.100s, and the resource has changed since: read it again and repeat the request", given)
}

// changeFunc makes a change and returns its operation.
type changeFunc = func(*storeTx) (*longrunningpb.Operation, error)

// create makes something new and returns the operation; see change.
func (e *Engine) create(ctx context.Context, validateOnly bool, f changeFunc) (*longrunningpb.Operation, error) {
	return e.changeBy(ctx, e.add, validateOnly, f)
}

// change makes a change and returns its operation; see apply and answerTo.
func (e *Engine) change(ctx context.Context, validateOnly bool, f changeFunc) (*longrunningpb.Operation, error) {
	return e.changeBy(ctx, e.write, validateOnly, f)
}

func (e *Engine) changeBy(ctx context.Context, by func(context.Context, func(*storeTx) error) error, validateOnly bool, f changeFunc) (op *longrunningpb.Operation, err error) {
	err = e.apply(ctx, by, validateOnly, func(tx *storeTx) error {
		op, err = f(tx)
		return err
	})
	return answerTo(validateOnly, op, err)
}

// apply makes a change by a transaction. For a validate_only request, it makes the change for
// its errors and rolls it back.
func (e *Engine) apply(ctx context.Context, by func(context.Context, func(*storeTx) error) error, validateOnly bool, f func(*storeTx) error) error {
	if !validateOnly {
		return by(ctx, f)
	}
	err := by(ctx, func(tx *storeTx) error {
		if err := f(tx); err != nil {
			return err
		}
		return errDryRun
	})
	if errors.Is(err, errDryRun) {
		return nil
	}
	return err
}

// answerTo returns the operation of a change as its caller sees it.
//
// Deviation: the operation of a validate_only request is done and has no name; Cloud Run
// does not document its own.
func answerTo(validateOnly bool, op *longrunningpb.Operation, err error) (*longrunningpb.Operation, error) {
	if err != nil || !validateOnly {
		return op, err
	}
	return &longrunningpb.Operation{
		Done: true, Metadata: op.Metadata, Result: &longrunningpb.Operation_Response{Response: op.Metadata},
	}, nil
}

// errDryRun rolls back a validate_only request.
var errDryRun = errors.New("dry run")
