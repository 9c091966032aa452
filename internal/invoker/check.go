package invoker

import (
	"context"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
)

// checkLease is how long one check of what waits may take.
const checkLease = time.Minute

// check holds what was accepted while its job could not be read against the job,
// until the invoker closes.
func (v *Invoker) check() {
	for v.closing.Err() == nil {
		now, tick := time.Now(), v.ticks.asked.Load()
		due, next, err := v.store.Unchecked(v.closing, now, now.Add(checkLease), maxCalls)
		if err != nil {
			v.storeFailed("look for what is not checked", err)
			v.ticks.checked.Store(tick)
			v.sleep(nil, now.Add(storeRetry))
			continue
		}
		for _, r := range due {
			v.checkOne(r)
		}
		if len(due) == 0 {
			v.ticks.checked.Store(tick)
			v.sleep(v.unchecked, orIdle(next, now))
		}
	}
}

// checkOne brings a record on that was not checked: to the queue, or to its end.
func (v *Invoker) checkOne(r Record) {
	f, err := v.prepare(r)
	now := time.Now()
	var to Record
	switch {
	case err == nil:
		to = r.fitted(f)
	case v.closing.Err() != nil:
		return
	case cloudrun.OutcomeOf(err) == cloudrun.Refused:
		to = r.refused(err, stored(now))
	default:
		v.logger.Warn("job cannot be read", "invocation", r.ID, "job", r.Job, "code", runwith.CodeOf(err), "error", err)
		to = r.postponed(stored(now.Add(backoff(r.Postponed))))
	}
	v.move(r, to)
	wake(v.queued)
}

// prepare holds a record against its job. The error is one that starting the job
// would have met.
func (v *Invoker) prepare(r Record) (fit, error) {
	job, err := v.jobs.job(v.closing, r.Job)
	if err != nil {
		return fit{}, err
	}
	overrides, err := r.overrides()
	if err != nil {
		return fit{}, err
	}
	return r.fitTo(job, overrides)
}

// overrides reads the stored overrides.
func (r Record) overrides() (*runpb.RunJobRequest_Overrides, error) {
	overrides := &runpb.RunJobRequest_Overrides{}
	if err := proto.Unmarshal(r.Overrides, overrides); err != nil {
		return nil, &runwith.Error{Code: runwith.FailedPrecondition, Err: err,
			Message: "the stored overrides cannot be read: start the job with a new invocation"}
	}
	return overrides, nil
}

// move makes a transition that nothing else depends on: where another was faster,
// that one counts.
func (v *Invoker) move(from, to Record) {
	moved, err := v.store.Move(context.Background(), from, to)
	if err != nil {
		v.storeFailed("move", err, "invocation", from.ID, "state", to.State)
		return
	}
	v.follow(from, moved)
}

// follow wakes those whose turn is next after a transition.
func (v *Invoker) follow(from, to Record) {
	if to.watched() && (!from.watched() || from.State != to.State) {
		v.watched.add(to.Job)
	}
	if to.waiting() || from.holds() && !to.holds() {
		wake(v.queued)
	}
	if to.State == runwith.StateRunning && !to.CancelRequested.IsZero() {
		wake(v.cancelling)
	}
	if to.State == runwith.StateUnresolved && from.State != to.State {
		v.logger.Warn("invocation is unresolved", "invocation", to.ID, "job", to.Job, "reason", to.Error.Message)
	}
}
