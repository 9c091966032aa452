package invoker

import (
	"fmt"
	"slices"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cloudrun"
)

// edges are the transitions that there are; a state that is not a key is
// terminal, or waits for a person. From accepted to itself goes a row that a
// dispatcher takes, or puts back.
var edges = map[runwith.State][]runwith.State{
	runwith.StateAccepted: {runwith.StateAccepted, runwith.StateStarting, runwith.StateRefused},
	runwith.StateStarting: {runwith.StateAccepted, runwith.StateRunning, runwith.StateRefused, runwith.StateUnresolved},
	runwith.StateRunning: {runwith.StateRunning, runwith.StateSucceeded, runwith.StateFailed, runwith.StateCancelled,
		runwith.StateUnresolved},
}

func leads(from, to runwith.State) bool { return slices.Contains(edges[from], to) }

// record is an invocation with what the invoker alone needs of it. Its methods
// return the record as the transition of that name makes it, and change nothing.
type record struct {
	runwith.Invocation

	version   int64
	overrides []byte    // runpb.RunJobRequest_Overrides
	checked   bool      // held against the job, and overrides carry the marker
	notBefore time.Time // accepted: when it may be dispatched
	lease     time.Time // a dispatcher has it until then; zero: nobody has
	postponed int       // times it went back to the queue
}

// leased is a record that a dispatcher takes: to call at once where it was
// checked, to check it where the job could not be read when it was accepted.
func (r record) leased(until time.Time) record {
	r.lease = until
	if r.checked {
		return r.starting(r.overrides, until)
	}
	return r
}

// released is a record that nobody has any longer. It keeps its place.
func (r record) released() record {
	r.lease = time.Time{}
	return r
}

// starting is on disk before Cloud Run is called, which ends by the deadline.
func (r record) starting(overrides []byte, deadline time.Time) record {
	r.State = runwith.StateStarting
	r.Attempts++
	r.overrides, r.checked, r.lease = overrides, true, deadline
	return r
}

// accepted goes back to the queue: it is certain that nothing was started.
func (r record) accepted(notBefore time.Time) record {
	r.State = runwith.StateAccepted
	r.notBefore, r.lease = notBefore, time.Time{}
	r.postponed++
	return r
}

// refused ends an invocation that Cloud Run definitely would not start.
func (r record) refused(err error, now time.Time) record {
	r.State = runwith.StateRefused
	r.Finished, r.lease = now, time.Time{}
	r.Error = failureOf(err)
	return r
}

// adopted has its execution, for good.
func (r record) adopted(execution string, s cloudrun.Status) record {
	r.State = runwith.StateRunning
	r.Execution, r.lease = execution, time.Time{}
	r.Started, r.Counts = s.Started, s.Counts
	return r
}

// observed is a running record after a look at its execution.
func (r record) observed(s cloudrun.Status, now time.Time) record {
	r.State, r.Started, r.Counts, r.Error = s.State, s.Started, s.Counts, s.Error
	if s.State.Terminal() {
		r.Finished = s.Finished
		if r.Finished.IsZero() {
			r.Finished = now
		}
	}
	return r
}

// unresolved says what is not known, and what to do about it. The code is that of
// the cause.
func (r record) unresolved(cause error, format string, args ...any) record {
	r.State = runwith.StateUnresolved
	r.lease = time.Time{}
	r.Error = &runwith.Failure{Code: runwith.CodeOf(cause).String(), Message: fmt.Sprintf(format, args...)}
	return r
}

func failureOf(err error) *runwith.Failure {
	return &runwith.Failure{Code: runwith.CodeOf(err).String(), Message: err.Error()}
}
