package invoker

import (
	"context"
	"errors"
	"time"

	"github.com/runwith/runwith"
)

// cancelAgain is after how long Cloud Run is asked again to cancel what still runs.
const cancelAgain = time.Minute

// Cancel asks for an invocation to end, and returns it as it is then: cancelled
// where it was not sent yet; where it runs, Cloud Run is asked, and its result
// counts; where it is being started, that is found out first. One that has ended
// stays as it is.
func (v *Invoker) Cancel(ctx context.Context, id string) (runwith.Invocation, error) {
	return v.decide(ctx, id, func(r Record, now time.Time) (Record, error) {
		switch {
		case r.ended() || !r.CancelRequested.IsZero():
			return r, nil
		case r.waiting() && r.SearchFrom.IsZero():
			r.CancelRequested = now
			return r.cancelled(now, nil), nil
		}
		return r.cancelling(now), nil
	})
}

// Decision is what a person decides about an invocation that is unresolved.
type Decision string

// The decisions.
const (
	// DecideRetry starts it, after one more search for its execution.
	DecideRetry Decision = "retry"
	// DecideLeave lets it be: it stays unresolved, for good.
	DecideLeave Decision = "leave"
)

// Resolve decides about an unresolved invocation, and returns it as it is then.
// FAILED_PRECONDITION says that there is nothing to decide, or not this.
func (v *Invoker) Resolve(ctx context.Context, id string, d Decision) (runwith.Invocation, error) {
	if d != DecideRetry && d != DecideLeave {
		return runwith.Invocation{}, invalid("decision: %q must be retry or leave", d)
	}
	return v.decide(ctx, id, func(r Record, now time.Time) (Record, error) {
		switch {
		case r.State != runwith.StateUnresolved || r.ended():
			return r, precondition("invocation %s is %s, and there is nothing to decide", r.ID, state(r))
		case d == DecideLeave:
			return r.finished(now), nil
		case r.Execution != "":
			return r, precondition("invocation %s was started, as %s: leave it, and start another invocation to run the job again", r.ID, r.Execution)
		case !r.CancelRequested.IsZero():
			return r, precondition("invocation %s was asked to be cancelled: leave it", r.ID)
		}
		return r.retried(now), nil
	})
}

// state is how a record stands, in words.
func state(r Record) string {
	if r.State == runwith.StateUnresolved {
		return "unresolved and left so"
	}
	return string(r.State)
}

func precondition(format string, args ...any) error {
	return runwith.Errorf(runwith.FailedPrecondition, format, args...)
}

// decide makes a transition that somebody asks for, from whatever the record is.
func (v *Invoker) decide(ctx context.Context, id string, transition func(Record, time.Time) (Record, error)) (runwith.Invocation, error) {
	for {
		r, err := v.store.Find(ctx, id)
		if err != nil {
			return runwith.Invocation{}, err
		}
		to, err := transition(r, stored(time.Now()))
		if err != nil {
			return runwith.Invocation{}, err
		}
		if to.State == r.State && to.CancelRequested.Equal(r.CancelRequested) && to.Finished.Equal(r.Finished) {
			return r.Invocation, nil
		}
		moved, err := v.store.Move(ctx, r, to)
		switch {
		case errors.Is(err, ErrStale): // it has changed meanwhile: look again
		case err != nil:
			return runwith.Invocation{}, err
		default:
			v.follow(r, moved)
			return moved.Invocation, nil
		}
	}
}

// cancel asks Cloud Run to cancel what is to be, until the invoker closes.
func (v *Invoker) cancel() {
	for v.closing.Err() == nil {
		now, tick := time.Now(), v.ticks.asked.Load()
		next, err := v.cancelDue(now)
		if err != nil {
			v.storeFailed("cancel", err)
			next = now.Add(storeRetry)
		}
		if !next.Equal(now) {
			v.ticks.cancelled.Store(tick)
		}
		v.sleep(v.cancelling, orIdle(next, now))
	}
}

// cancelDue sends what is due, and returns when there is more.
func (v *Invoker) cancelDue(now time.Time) (next time.Time, err error) {
	due, next, err := v.store.Cancels(v.closing, stored(now), maxCalls)
	if err != nil {
		return next, err
	}
	twins, nextTwin, err := v.store.TwinsDue(v.closing, stored(now), maxCalls)
	if err != nil {
		return next, err
	}
	for _, r := range due {
		v.cancelOne(r)
	}
	for _, t := range twins {
		v.cancelTwin(t)
	}
	if len(due)+len(twins) > 0 {
		return now, nil // there may be as many again
	}
	if next.IsZero() || !nextTwin.IsZero() && nextTwin.Before(next) {
		next = nextTwin
	}
	return next, nil
}

func (v *Invoker) cancelOne(r Record) {
	err := v.cancelExecution(r.Execution)
	wait := cancelAgain
	if err != nil {
		wait = backoff(r.Postponed)
		v.logger.Warn("execution cannot be cancelled", "invocation", r.ID, "execution", r.Execution, "code", runwith.CodeOf(err), "error", err)
	}
	v.move(r, r.postponed(stored(time.Now().Add(wait))))
	v.watched.add(r.Job)
}

// cancelTwin is done with a twin when Cloud Run has taken the cancel, or has nothing
// to cancel.
func (v *Invoker) cancelTwin(t Twin) {
	err := v.cancelExecution(t.Execution)
	next := time.Time{}
	switch runwith.CodeOf(err) {
	case runwith.OK, runwith.NotFound, runwith.FailedPrecondition:
	default:
		v.logger.Warn("twin cannot be cancelled", "invocation", t.Invocation, "execution", t.Execution, "code", runwith.CodeOf(err), "error", err)
		next = stored(time.Now().Add(backoff(int(time.Since(t.Found) / retryMax))))
	}
	if err := v.store.PostponeTwin(context.Background(), t.Execution, next); err != nil {
		v.storeFailed("postpone a twin", err, "execution", t.Execution)
	}
}

func (v *Invoker) cancelExecution(name string) error {
	ctx, cancel := context.WithTimeout(v.closing, readTimeout)
	defer cancel()
	_, err := v.cloud.CancelExecution(ctx, name)
	v.reach.told(err)
	return err
}
