package invoker

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/uuid"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cloudrun"
	"github.com/runwith/runwith/internal/jobspec"
)

// Invoke accepts a request to start the job with the given ID. What it returns is
// on disk; the job is started a moment later.
//
// The request is held against the job first. NOT_FOUND says that there is no such
// job, INVALID_ARGUMENT what is wrong with the overrides, FAILED_PRECONDITION that
// the job cannot be started by runwith; Cloud Run's PERMISSION_DENIED is passed on.
// Nothing is accepted then. If Cloud Run cannot be asked now, the invocation is
// accepted all the same, checked later, and perhaps refused.
func (v *Invoker) Invoke(ctx context.Context, job string, o runwith.Overrides) (runwith.Invocation, error) {
	if err := jobspec.ValidateJobID(job); err != nil {
		return runwith.Invocation{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return runwith.Invocation{}, fmt.Errorf("make invocation ID: %w", err)
	}
	now := time.Now().UTC().Truncate(time.Microsecond) // what the database keeps
	r := record{
		Invocation: runwith.Invocation{ID: id.String(), Job: job, State: runwith.StateAccepted, Created: now},
		version:    1,
		notBefore:  now,
	}
	if r.overrides, r.checked, err = v.check(ctx, r.Invocation, o); err != nil {
		return runwith.Invocation{}, err
	}
	if err := v.store.accept(ctx, r); err != nil {
		return runwith.Invocation{}, err
	}
	v.wakeDispatcher()
	return r.Invocation, nil
}

// check returns the overrides as they are stored, and whether they were held
// against the job.
func (v *Invoker) check(ctx context.Context, i runwith.Invocation, o runwith.Overrides) (encoded []byte, checked bool, err error) {
	overrides, err := overridesOf(o)
	if err != nil {
		return nil, false, err
	}
	job, err := v.readJob(ctx, i.Job)
	switch {
	case err == nil:
		encoded, err = fit(i.Job, job.GetTemplate(), overrides, i.ID)
		return encoded, true, err
	case ctx.Err() != nil:
		return nil, false, ctx.Err()
	case cloudrun.OutcomeOf(err) == cloudrun.Refused:
		return nil, false, err
	}
	v.logger.WarnContext(ctx, "job cannot be read, its invocation is checked later",
		"invocation", i.ID, "job", i.Job, "code", runwith.CodeOf(err), "error", err)
	if _, err := jobspec.ApplyOverrides(standIn(overrides), overrides); err != nil {
		return nil, false, err
	}
	encoded, err = encode(overrides)
	return encoded, false, err
}

func (v *Invoker) readJob(ctx context.Context, job string) (*runpb.Job, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return v.cloud.Job(ctx, job)
}
