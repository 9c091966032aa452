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

// etagOf names one version of a resource. Google's are quoted too.
func etagOf(updated time.Time, generation int64) string {
	return fmt.Sprintf("%q", fmt.Sprintf("%x-%x", updated.UnixNano(), generation))
}

// checkEtag holds a caller to the version that it has seen. An empty etag asks for
// no check.
func checkEtag(given, current string) error {
	if given == "" || given == current {
		return nil
	}
	return jobspec.FieldErrorf(runwith.Aborted, "etag",
		"is %.100s, and the resource has changed since: read it again and repeat the request", given)
}

// change makes a change that an operation stands for. A validate_only request is
// tried for its errors and taken back.
//
// Deviation: the operation of such a request is done and has no name; Cloud Run
// does not say what its own is like.
func (e *Engine) change(ctx context.Context, validateOnly bool, f func(*storeTx) (*longrunningpb.Operation, error)) (op *longrunningpb.Operation, err error) {
	write := func(tx *storeTx) error {
		op, err = f(tx)
		return err
	}
	if !validateOnly {
		return op, e.write(ctx, write)
	}
	if err := e.dryRun(ctx, write); err != nil {
		return nil, err
	}
	return &longrunningpb.Operation{
		Done: true, Metadata: op.Metadata, Result: &longrunningpb.Operation_Response{Response: op.Metadata},
	}, nil
}

// errDryRun undoes what a validate_only request has tried.
var errDryRun = errors.New("dry run")

// dryRun runs a change for its errors and takes it back.
func (e *Engine) dryRun(ctx context.Context, f func(*storeTx) error) error {
	err := e.write(ctx, func(tx *storeTx) error {
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
