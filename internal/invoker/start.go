package invoker

import (
	"context"
	"errors"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
)

// answer is what a call that starts a job came to.
type answer struct {
	execution *runpb.Execution
	err       error
	deadline  time.Time // of the call, by the monotonic clock
}

func (a answer) outcome() cloudrun.Outcome { return cloudrun.OutcomeOf(a.err) }

// start calls Cloud Run for a record that is starting on disk, and writes down
// what came of it.
func (v *Invoker) start(r Record, probing bool) {
	v.calling.Store(r.ID, nil)
	defer v.calling.Delete(r.ID)
	a := v.call(r)
	v.reach.told(a.err)
	outcome := a.outcome()
	switch {
	case outcome == cloudrun.NotStarted:
		v.pause(r, a.err)
	case probing:
		v.resume()
	}
	if outcome != cloudrun.Started {
		v.logger.Warn("job was not started", "invocation", r.ID, "job", r.Job, "attempt", r.Attempts, "outcome", outcome,
			"code", runwith.CodeOf(a.err), "error", a.err, "cause", errors.Unwrap(a.err))
	}
	v.record(r, a)
}

// resume lets the queue go on.
func (v *Invoker) resume() {
	if err := v.store.Resume(context.Background(), runsBucket); err != nil {
		v.storeFailed("resume", err)
	}
}

// call asks Cloud Run to start the job of a record that is starting on disk. It
// is the only place that does.
func (v *Invoker) call(r Record) answer {
	overrides, err := r.overrides()
	if err != nil {
		return answer{err: err}
	}
	deadline := time.Now().Add(time.Until(r.Lease))
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	execution, err := v.cloud.Run(ctx, r.Job, overrides)
	return answer{execution, err, deadline}
}

// pause keeps the queue from what Cloud Run has refused: quota, credentials, no
// connection. It is no matter of one invocation, so that all keep their places.
func (v *Invoker) pause(r Record, cause error) {
	next, err := v.store.Pause(context.Background(), runsBucket, stored(time.Now()), cloudrun.RetryAfter(cause))
	if err != nil {
		v.storeFailed("pause", err, "invocation", r.ID)
		return
	}
	v.opens.Store(micros(next))
}

// after returns the record as the outcome of its call makes it.
func (v *Invoker) after(r Record, a answer) Record {
	now := stored(time.Now())
	switch a.outcome() {
	case cloudrun.Started:
		return r.adopted(a.execution.GetName(), cloudrun.StatusOf(a.execution))
	case cloudrun.NotStarted:
		return r.returned(now)
	case cloudrun.Refused:
		return r.refused(a.err, now)
	}
	// A clock that was put forward during the call shows its end at a later time.
	r.Lease = later(r.Lease, stored(now.Add(time.Until(a.deadline))))
	return r.unknown(v.config.Settle)
}

// record writes an answer down, and goes on trying until it is on disk or the
// invoker closes: until then the row says starting, which is the truth.
func (v *Invoker) record(r Record, a answer) {
	for {
		to := v.after(r, a)
		moved, err := v.store.Move(context.Background(), r, to)
		switch {
		case err == nil:
			v.follow(r, moved)
			return
		case errors.Is(err, ErrTaken):
			a.err = runwith.Errorf(runwith.Internal, "execution %s belongs to another invocation", to.Execution)
			continue
		case errors.Is(err, ErrStale):
			var again bool
			if r, again = v.overtaken(r, a); !again {
				return
			}
			continue
		}
		v.storeFailed("record", err, "invocation", r.ID, "state", to.State)
		if v.closing.Err() != nil {
			return
		}
		v.sleep(nil, time.Now().Add(storeRetry))
	}
}

// overtaken says what becomes of an answer whose record has changed meanwhile: it
// was asked to be cancelled, or a list was faster. It returns the record where the
// answer still counts for it.
func (v *Invoker) overtaken(r Record, a answer) (Record, bool) {
	now, err := v.store.Find(context.Background(), r.ID)
	if err != nil {
		v.storeFailed("record", err, "invocation", r.ID)
		return r, v.closing.Err() == nil && runwith.CodeOf(err) != runwith.NotFound
	}
	switch {
	case now.Execution == "" && now.State == runwith.StateStarting && now.Lease.Equal(r.Lease):
		return now, true
	case a.outcome() != cloudrun.Started || now.Execution == a.execution.GetName():
		return now, false
	case now.Execution == "" && !now.ended():
		return now, true
	}
	v.twin(now, a.execution.GetName())
	return now, false
}
