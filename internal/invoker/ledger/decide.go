package ledger

import (
	"time"

	"github.com/runwith/runwith"
)

// Cancel returns the record after a request to cancel it. If it was not sent to Cloud
// Run yet, it ends. If it runs, Cloud Run is asked next. If it is being started or
// searched for, its outcome comes first. A record that has ended, or whose
// cancellation was requested before, stays the same.
func Cancel(r Record, now time.Time) (_ Record, changed bool) {
	switch {
	case r.Ended() || !r.CancelRequested.IsZero():
		return r, false
	case r.Waiting() && r.SearchFrom.IsZero():
		r.CancelRequested = now
		return r.Cancelled(now, nil), true
	}
	return r.cancelling(now), true
}

// cancelling notes the request. What comes of it shows later.
func (r Record) cancelling(now time.Time) Record {
	r.CancelRequested = now
	if r.State == runwith.StateRunning {
		r.NotBefore, r.Postponed = now, 0
	}
	return r
}

// Decision is what a person decides about an unresolved invocation.
type Decision string

// The decisions.
const (
	// Retry starts it, after one more search for its execution.
	Retry Decision = "retry"
	// Leave closes it: it stays unresolved for good.
	Leave Decision = "leave"
)

// Validate returns INVALID_ARGUMENT if there is no such decision.
func (d Decision) Validate() error {
	if d != Retry && d != Leave {
		return runwith.Errorf(runwith.InvalidArgument, "decision: %q must be retry or leave", d)
	}
	return nil
}

// Resolve returns an unresolved record after a person's valid decision.
// FAILED_PRECONDITION means that there is nothing to decide, or that this decision is
// not possible.
func Resolve(r Record, d Decision, now time.Time) (Record, error) {
	switch {
	case r.State == runwith.StateUnresolved && r.Ended():
		return r, precondition("invocation %s was left unresolved, and there is nothing to decide", r.ID)
	case r.State != runwith.StateUnresolved:
		return r, precondition("invocation %s is %s, and there is nothing to decide", r.ID, r.State)
	case d == Leave:
		return r.finished(now), nil
	case r.Execution != "":
		return r, precondition("invocation %s was started as %s: leave it, and start another invocation to run the job again", r.ID, r.Execution)
	case !r.CancelRequested.IsZero():
		return r, precondition("invocation %s was asked to be cancelled: leave it", r.ID)
	}
	return r.retried(now), nil
}

// retried goes back to the queue. One more search comes before the call, and "not
// found" is enough then.
func (r Record) retried(now time.Time) Record {
	r.State, r.Error, r.JobUID = runwith.StateAccepted, nil, AnyJob
	r.SearchFrom, r.NotBefore = now, now
	return r
}

func precondition(format string, args ...any) error {
	return runwith.Errorf(runwith.FailedPrecondition, format, args...)
}
