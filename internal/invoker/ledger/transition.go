package ledger

import (
	"cmp"
	"fmt"
	"time"

	"github.com/runwith/runwith"
)

// WatchTwins is how long lists are read for late twins.
const WatchTwins = time.Hour

// Fitted has been validated against its job, and its overrides carry the marker.
func (r Record) Fitted(overrides []byte, jobUID string) Record {
	r.Overrides, r.JobUID, r.Checked = overrides, jobUID, true
	r.Lease = time.Time{}
	return r
}

// Starting is on disk before Cloud Run is called. The call ends by the deadline.
func (r Record) Starting(deadline time.Time) Record {
	r.State = runwith.StateStarting
	r.Attempts++
	r.Lease = deadline
	if !r.WatchUntil.IsZero() { // an earlier call may still show an execution
		r.WatchUntil = Later(r.WatchUntil, deadline.Add(WatchTwins))
	}
	return r
}

// Unknown is a starting record whose call may have started the job.
func (r Record) Unknown(settle time.Duration) Record {
	r.SearchFrom = r.Lease.Add(settle)
	r.WatchUntil = Later(r.WatchUntil, r.SearchFrom.Add(WatchTwins))
	return r
}

// Returned goes back to the queue because certainly nothing was started. It ends
// instead if somebody asked to cancel it.
func (r Record) Returned(now time.Time) Record {
	r.Lease, r.SearchFrom = time.Time{}, time.Time{}
	if !r.CancelRequested.IsZero() {
		return r.Cancelled(now, nil)
	}
	if r.State == runwith.StateStarting {
		r.State = runwith.StateAccepted
		r.Postponed++
	}
	return r
}

// Because is a record that went back to the queue because Cloud Run did not take the call.
func (r Record) Because(err error) Record {
	r.HeldBy, r.Why = runwith.HoldCloudRun, err.Error()
	if runwith.CodeOf(err) == runwith.ResourceExhausted {
		r.HeldBy = runwith.HoldQuota
	}
	return r
}

// Leased is held by one checker until then.
func (r Record) Leased(until time.Time) Record {
	r.Lease = until
	return r
}

// Delayed is tried again at notBefore: its check, or its cancel.
func (r Record) Delayed(notBefore time.Time) Record {
	r.NotBefore, r.Lease = notBefore, time.Time{}
	r.Postponed++
	return r
}

// Refused ends an invocation that Cloud Run definitely would not start.
func (r Record) Refused(err error, now time.Time) Record {
	r.State = runwith.StateRefused
	r.Error = &runwith.Failure{Code: runwith.CodeOf(err).String(), Message: err.Error()}
	return r.finished(now)
}

// Cancelled ends an invocation that was not started. The reason may be nil.
func (r Record) Cancelled(now time.Time, reason *runwith.Failure) Record {
	r.State, r.Error = runwith.StateCancelled, reason
	return r.finished(now)
}

// Adopted has its execution, for good.
func (r Record) Adopted(execution string, s Status) Record {
	r.State, r.Error = runwith.StateRunning, nil
	r.Execution, r.ExecutionUID = execution, s.UID
	r.Lease, r.SearchFrom = time.Time{}, time.Time{}
	r.Started, r.Counts = s.Started, s.Counts
	r.NotBefore, r.Postponed = time.Time{}, 0 // from here on they belong to its cancel
	if r.Month == 0 {                         // it was found, and not started by this store
		r.Month = r.BudgetMonth(r.Created)
	}
	r.Budget = ""
	return r
}

// Observed is a running record after a look at its execution.
func (r Record) Observed(s Status, now time.Time) Record {
	r.State, r.Started, r.Counts, r.Error = s.State, s.Started, s.Counts, s.Error
	r.ExecutionUID = cmp.Or(r.ExecutionUID, s.UID)
	if s.State.Terminal() {
		return r.finished(Stored(cmp.Or(s.Finished, now)))
	}
	return r
}

// Unresolved needs a person's decision. The message says what is unknown and what to
// do about it; the code is that of the cause.
func (r Record) Unresolved(cause error, format string, args ...any) Record {
	r.State = runwith.StateUnresolved
	r.Lease, r.SearchFrom = time.Time{}, time.Time{}
	r.Error = &runwith.Failure{Code: runwith.CodeOf(cause).String(), Message: fmt.Sprintf(format, args...)}
	return r
}

// Gone is a running record whose execution Cloud Run no longer knows.
func (r Record) Gone(cause error) Record {
	return r.Unresolved(cause, "execution %s was started and is gone from Cloud Run, so its result is unknown: "+
		"look at its output if there is any left, and close the invocation with `runwith invocations resolve %s --leave`", r.Execution, r.ID)
}

func (r Record) finished(now time.Time) Record {
	r.Finished, r.Lease, r.SearchFrom = now, time.Time{}, time.Time{}
	return r
}
