package invoker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/jobspec"
)

// Invoke accepts a request to start a job. What it returns is on disk; the job is
// started a moment later. A request whose key the caller has used before, for the
// same, is a repeat: it returns that invocation as it is now.
//
// The request is held against the job first. NOT_FOUND says that there is no such
// job, INVALID_ARGUMENT what is wrong with the overrides, FAILED_PRECONDITION that
// the job cannot be started by runwith, ALREADY_EXISTS that the key stands for
// another request, ABORTED that there is no room where it may not wait; Cloud
// Run's PERMISSION_DENIED is passed on. Nothing is accepted then, and no key
// claimed. If Cloud Run cannot be asked now, the invocation is accepted all the
// same, checked later, and perhaps refused.
func (v *Invoker) Invoke(ctx context.Context, q Request) (_ runwith.Invocation, replayed bool, err error) {
	r, err := v.newRecord(q)
	if err != nil {
		return runwith.Invocation{}, false, err
	}
	if before, found, err := v.repeat(ctx, r); found || err != nil {
		return before.Invocation, found, err
	}
	if err := v.fit(ctx, &r, q.Overrides); err != nil {
		return runwith.Invocation{}, false, err
	}
	r, replayed, err = v.accept(ctx, r)
	if err != nil || replayed || !v.config.Ephemeral {
		return r.Invocation, replayed, err
	}
	return v.confirmed(ctx, r)
}

// newRecord is a request as it is stored, before it was held against its job.
func (v *Invoker) newRecord(q Request) (Record, error) {
	if err := jobspec.ValidateJobID(q.Job); err != nil {
		return Record{}, err
	}
	if len(q.Key) > MaxKey {
		return Record{}, invalid("Idempotency-Key: is longer than %d bytes", MaxKey)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Record{}, fmt.Errorf("make invocation ID: %w", err)
	}
	now := stored(time.Now())
	return Record{
		Invocation:  runwith.Invocation{ID: id.String(), Job: q.Job, State: runwith.StateAccepted, Created: now},
		Version:     1,
		Owner:       q.Caller.owner(),
		Key:         q.key(),
		Fingerprint: q.fingerprint(),
		Slot:        v.config.Limits.slotOf(q.Job),
		NotBefore:   now,
	}, nil
}

// repeat looks for the invocation that has the record's key, before anything is
// asked of Cloud Run. The look that counts comes with the insert.
func (v *Invoker) repeat(ctx context.Context, r Record) (before Record, found bool, err error) {
	if r.Key == "" {
		return r, false, nil
	}
	select {
	case <-v.rebuilt:
	default:
		return r, false, &runwith.Error{Code: runwith.Unavailable, Err: askAgainAt(v.knows.Load()),
			Message: "the keys that were used before are being read back from Cloud Run: send the request again in a moment"}
	}
	before, err = v.store.FindKey(ctx, r.Owner, r.Key)
	switch {
	case runwith.CodeOf(err) == runwith.NotFound:
		return r, false, nil
	case err != nil:
		return r, false, err
	case !before.keyLives(r.Created):
		return r, false, nil
	case before.Fingerprint != r.Fingerprint:
		return r, false, keyReused(before, r.Fingerprint)
	}
	return before, true, nil
}

// fit gives the record its overrides as they are stored, held against the job
// where that can be read.
func (v *Invoker) fit(ctx context.Context, r *Record, o runwith.Overrides) error {
	overrides, err := overridesOf(o)
	if err != nil {
		return err
	}
	job, err := v.jobs.job(ctx, r.Job)
	switch {
	case err == nil:
		f, err := r.fitTo(job, overrides)
		*r = r.fitted(f)
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case cloudrun.OutcomeOf(err) == cloudrun.Refused:
		return err
	}
	v.logger.WarnContext(ctx, "job cannot be read, its invocation is checked later",
		"invocation", r.ID, "job", r.Job, "code", runwith.CodeOf(err), "error", err)
	if _, err := jobspec.ApplyOverrides(standIn(overrides), overrides); err != nil {
		return err
	}
	r.Overrides, err = encode(overrides)
	return err
}

// accept puts the record on disk, and wakes whose turn is next.
func (v *Invoker) accept(ctx context.Context, r Record) (_ Record, replayed bool, err error) {
	c := v.config.Limits.Concurrency[r.Job]
	if v.config.Ephemeral && c.Overflow != Replacing {
		c.Overflow = Rejecting // nothing may wait on a disk that does not last
	}
	v.accepts.Add(1)
	r, replayed, err = v.store.Accept(ctx, r, Admission{Now: r.Created, Slots: c.Slots, Overflow: c.Overflow})
	v.accepts.Add(-1)
	if err != nil || replayed {
		return r, replayed, err
	}
	switch {
	case !r.Checked:
		wake(v.unchecked)
	case c.Overflow == Replacing:
		wake(v.cancelling)
	}
	wake(v.queued)
	return r, false, nil
}

// confirmed waits until the invocation's start is confirmed. What cannot be
// started at once is withdrawn: it must not wait on a disk that does not last.
func (v *Invoker) confirmed(ctx context.Context, r Record) (_ runwith.Invocation, replayed bool, err error) {
	for {
		changed, leave := v.changes.Subscribe(r.ID)
		now, err := v.store.Find(ctx, r.ID)
		if err == nil && now.waiting() {
			err = v.sleepOrWithdraw(ctx, now, changed)
		} else if err == nil && now.State == runwith.StateStarting {
			select {
			case <-changed:
			case <-ctx.Done():
				err = ctx.Err()
			case <-v.closing.Done():
				err = stopping()
			}
		} else {
			leave()
			return now.Invocation, false, err
		}
		leave()
		if err != nil {
			return runwith.Invocation{}, false, err
		}
	}
}

// patience is how long an invocation may wait where the store is ephemeral.
const patience = 2 * time.Second

func (v *Invoker) sleepOrWithdraw(ctx context.Context, r Record, changed <-chan struct{}) error {
	left := patience - time.Since(r.Created)
	if left > 0 && r.Postponed == 0 {
		timer := time.NewTimer(left)
		defer timer.Stop()
		select {
		case <-changed:
			return nil
		case <-timer.C:
			return nil
		case <-ctx.Done():
		case <-v.closing.Done():
		}
	}
	withdrawn, err := v.store.Withdraw(context.WithoutCancel(ctx), r.ID)
	if err == nil && withdrawn {
		return errors.Join(ctx.Err(), &runwith.Error{Code: runwith.ResourceExhausted, Err: askAgainAt(v.opens.Load()),
			Message: fmt.Sprintf("job %s cannot be started now, and this server keeps nothing that waits: ask again later", r.Job)})
	}
	return err
}
