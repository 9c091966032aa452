package invoker

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
)

// edges are the transitions that there are; a state that is not a key is
// terminal. A state leads to itself where a row changes without leaving it.
var edges = map[runwith.State][]runwith.State{
	runwith.StateAccepted: {runwith.StateAccepted, runwith.StateStarting, runwith.StateRunning, runwith.StateRefused,
		runwith.StateCancelled, runwith.StateUnresolved},
	runwith.StateQueued: {runwith.StateQueued, runwith.StateStarting, runwith.StateRunning, runwith.StateRefused,
		runwith.StateCancelled, runwith.StateUnresolved},
	runwith.StateStarting: {runwith.StateStarting, runwith.StateAccepted, runwith.StateRunning, runwith.StateRefused,
		runwith.StateCancelled, runwith.StateUnresolved},
	runwith.StateRunning: {runwith.StateRunning, runwith.StateSucceeded, runwith.StateFailed, runwith.StateCancelled,
		runwith.StateUnresolved},
	runwith.StateUnresolved: {runwith.StateUnresolved, runwith.StateAccepted, runwith.StateRunning},
}

func leads(from, to runwith.State) bool { return slices.Contains(edges[from], to) }

// Record is an invocation with what the invoker alone needs of it. Its methods
// return the record as the transition of that name makes it, and change nothing.
type Record struct {
	runwith.Invocation

	Version     int64
	Owner       string // hash of the caller
	Key         string // hash of the caller's key; empty: none, or expired
	Fingerprint string // of the caller's request
	Slot        string // concurrency key; empty: not bounded

	Overrides []byte    // runpb.RunJobRequest_Overrides
	Checked   bool      // held against the job, and Overrides carry the marker
	JobUID    string    // of that job, or anyJob
	NotBefore time.Time // waiting: when it may be dispatched; running: when its cancel is sent next
	Lease     time.Time // who has it has ended by then; zero: nobody has
	Postponed int       // times it went back to the queue, or its cancel was sent

	SearchFrom time.Time // zero: no search; see docs/state-machine.md
	WatchUntil time.Time // zero: nobody looks for late twins
}

// waiting reports whether nobody has been asked to start it, or that is over.
func (r Record) waiting() bool {
	return r.State == runwith.StateAccepted || r.State == runwith.StateQueued
}

// ended reports whether nothing leads on from it.
func (r Record) ended() bool { return r.State.Terminal() || !r.Finished.IsZero() }

// holds reports whether the record has the slot of its concurrency key.
func (r Record) holds() bool { return r.Slot != "" && !r.waiting() && !r.ended() }

// watched reports whether lists of executions are to be read for the record.
func (r Record) watched() bool {
	return r.State == runwith.StateRunning || !r.SearchFrom.IsZero() || !r.WatchUntil.IsZero()
}

// keyLives reports whether a repeat with the record's key is answered with it.
func (r Record) keyLives(now time.Time) bool {
	return !r.ended() || now.Before(r.Created.Add(keyAfterAcceptance)) || now.Before(r.Finished.Add(keyAfterEnd))
}

// fitted was held against its job, and carries the marker.
func (r Record) fitted(f fit) Record {
	r.Overrides, r.JobUID, r.Checked = f.overrides, f.jobUID, true
	r.Lease = time.Time{}
	return r
}

// anyJob is the UID of a record that a person has sent back to the queue: what a
// list cannot tell of it is decided, until it is called again.
const anyJob = "*"

// of is a record that will start the job with the UID; empty where that is gone.
func (r Record) of(uid string) Record {
	if uid != "" {
		r.JobUID = uid
	}
	return r
}

// starting is on disk before Cloud Run is called, which ends by the deadline.
func (r Record) starting(deadline time.Time) Record {
	r.State = runwith.StateStarting
	r.Attempts++
	r.Lease = deadline
	if !r.WatchUntil.IsZero() { // an earlier call is not known to have come to nothing
		r.WatchUntil = later(r.WatchUntil, deadline.Add(watchTwins))
	}
	return r
}

// unknown is a starting record whose call may have started the job.
func (r Record) unknown(settle time.Duration) Record {
	r.SearchFrom = r.Lease.Add(settle)
	r.WatchUntil = later(r.WatchUntil, r.SearchFrom.Add(watchTwins))
	return r
}

// returned goes back to the queue, or ends where it is to be cancelled: it is
// certain that nothing was started.
func (r Record) returned(now time.Time) Record {
	r.Lease, r.SearchFrom = time.Time{}, time.Time{}
	if !r.CancelRequested.IsZero() {
		return r.cancelled(now, nil)
	}
	if r.State == runwith.StateStarting {
		r.State = runwith.StateAccepted
		r.Postponed++
	}
	return r
}

// postponed is a waiting record that is looked at again later.
func (r Record) postponed(notBefore time.Time) Record {
	r.NotBefore, r.Lease = notBefore, time.Time{}
	r.Postponed++
	return r
}

// refused ends an invocation that Cloud Run definitely would not start.
func (r Record) refused(err error, now time.Time) Record {
	r.State = runwith.StateRefused
	r.Error = failureOf(err)
	return r.finished(now)
}

// cancelled ends an invocation that was not started. The reason may be nil.
func (r Record) cancelled(now time.Time, reason *runwith.Failure) Record {
	r.State, r.Error = runwith.StateCancelled, reason
	return r.finished(now)
}

// adopted has its execution, for good.
func (r Record) adopted(execution string, s cloudrun.Status) Record {
	r.State, r.Error = runwith.StateRunning, nil
	r.Execution, r.Lease, r.SearchFrom = execution, time.Time{}, time.Time{}
	r.Started, r.Counts = s.Started, s.Counts
	r.NotBefore, r.Postponed = time.Time{}, 0 // of its cancel, from here on
	return r
}

// observed is a running record after a look at its execution.
func (r Record) observed(s cloudrun.Status, now time.Time) Record {
	r.State, r.Started, r.Counts, r.Error = s.State, s.Started, s.Counts, s.Error
	if s.State.Terminal() {
		return r.finished(stored(cmp.Or(s.Finished, now)))
	}
	return r
}

// unresolved says what is not known, and what to do about it. The code is that of
// the cause.
func (r Record) unresolved(cause error, format string, args ...any) Record {
	r.State = runwith.StateUnresolved
	r.Lease, r.SearchFrom = time.Time{}, time.Time{}
	r.Error = &runwith.Failure{Code: runwith.CodeOf(cause).String(), Message: fmt.Sprintf(format, args...)}
	return r
}

// retried is an unresolved record that a person sends back to the queue. It is
// searched for once more before it is called, and not found is enough then.
func (r Record) retried(now time.Time) Record {
	r.State, r.Error, r.JobUID = runwith.StateAccepted, nil, anyJob
	r.SearchFrom, r.NotBefore = now, now
	return r
}

// finished is at its end.
func (r Record) finished(now time.Time) Record {
	r.Finished, r.Lease, r.SearchFrom = now, time.Time{}, time.Time{}
	return r
}

// cancelling was asked to be cancelled, and what becomes of that is seen later.
func (r Record) cancelling(now time.Time) Record {
	r.CancelRequested = now
	if r.State == runwith.StateRunning {
		r.NotBefore, r.Postponed = now, 0
	}
	return r
}

func failureOf(err error) *runwith.Failure {
	return &runwith.Failure{Code: runwith.CodeOf(err).String(), Message: err.Error()}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// stored is a time as the database keeps it.
func stored(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
