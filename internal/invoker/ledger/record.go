package ledger

import (
	"slices"
	"time"

	"github.com/runwith/runwith"
)

// AnyJob is the JobUID of a record that a person has sent back to the queue. The
// person has decided what a list cannot show; the next call sets the UID again.
const AnyJob = "*"

// Record is an invocation with everything that the invoker stores about it. A method
// that is named after a transition returns the record after it, and changes nothing.
type Record struct {
	runwith.Invocation

	Version     int64  // grows with every change
	Owner       string // hash of the caller's name
	Key         string // hash of the caller's key; empty: none, or expired
	Fingerprint string // of the caller's request
	Asked       []byte // JSON of that request; empty if the row was rebuilt

	KeyKeep time.Duration // how long Key is kept after the acceptance; 0: as long as KeyAfterAcceptance
	StartAt time.Time     // earliest start, by the request; zero: at once

	// Month is the month whose budgets the record uses ([MonthOf]); 0: it uses none yet. Worst
	// is what it may cost at most; zero until it is known.
	Month int
	Worst Cost
	// Budget is the [Scope] of the budget for which the record waits; empty: it waits for none.
	// A store derives it; moves do not change it.
	Budget string

	Target      string        // Cloud Run job: an ID, or a full resource name
	Slot        string        // concurrency key; empty: unlimited
	SlotLimit   int           // number of slots of the key
	Keep        time.Duration // how long it is kept after its end; 0: as long as the invoker's default
	Subscribers []Subscriber
	Trace       string // traceparent for the job; empty: none
	// Parked means that it waits, and that the slots of its key are taken. A store derives it;
	// moves do not change it.
	Parked bool

	Trail Trail // how it came to its state ([Record.Steps])
	// HeldBy and Why are for the step of a move that changes the state: what it waits for, or has
	// waited for, and the reason. They are not stored.
	HeldBy runwith.Hold
	Why    string

	Overrides []byte    // runpb.RunJobRequest_Overrides
	Checked   bool      // validated against the job, and Overrides carry the marker
	JobUID    string    // of the job it was validated against, or AnyJob
	NotBefore time.Time // waiting: earliest dispatch; running: when to send its cancel next
	Lease     time.Time // the holder of the row has ended by then; zero: nobody holds it
	Postponed int       // how often it went back to the queue, or its cancel was sent
	// ExecutionUID tells the execution from later ones with the same name; empty if it is
	// unknown.
	ExecutionUID string

	Operation string // resource name of the run's operation; empty if only a list showed the execution

	// SearchFrom is not zero while the executions are searched for the record's marker.
	// A complete list that began at SearchFrom or later proves that there is none.
	SearchFrom time.Time
	// WatchUntil is how long lists are read for late twins; zero: they are not.
	WatchUntil time.Time
}

// Status is what an execution shows of itself, in the words of an invocation.
type Status struct {
	// State is running, succeeded, failed or cancelled.
	State runwith.State
	// UID is the execution's.
	UID string
	// Started and Finished are zero until Cloud Run reports them.
	Started, Finished time.Time
	Counts            runwith.Counts
	// Error is the reason if State is failed.
	Error *runwith.Failure
}

// Executes reports whether an execution with the record's name and this UID is the
// record's own, as far as the UIDs are known.
func (r Record) Executes(uid string) bool {
	return r.ExecutionUID == "" || uid == "" || r.ExecutionUID == uid
}

// Waiting reports whether nothing has been started for the record.
func (r Record) Waiting() bool { return slices.Contains(Waiting(), r.State) }

// Deferred reports whether the request asked for a later start.
func (r Record) Deferred() bool { return r.StartAt.After(r.Created) }

// Due returns when the record may start: at once after its acceptance, or at the time that the
// request asked for.
func (r Record) Due() time.Time { return Later(r.Created, r.StartAt) }

// Asleep reports whether the record waits and its time to start has not come.
func (r Record) Asleep(now time.Time) bool {
	return r.Waiting() && r.Deferred() && r.StartAt.After(now)
}

// Dispatchable reports whether the record waits and needs nothing but its time and its turn.
func (r Record) Dispatchable() bool {
	return r.Waiting() && r.Checked && r.SearchFrom.IsZero() && r.Budget == ""
}

// Checkable reports whether the record waits and must still be validated against its
// job. One that is searched for is not: the check could end it.
func (r Record) Checkable() bool { return r.Waiting() && !r.Checked && r.SearchFrom.IsZero() }

// Withdrawable reports whether the record can be removed as if it had never been
// accepted.
func (r Record) Withdrawable() bool {
	return r.Waiting() && r.SearchFrom.IsZero() && r.Execution == ""
}

// Ended reports whether no transition leads on.
func (r Record) Ended() bool { return r.State.Terminal() || !r.Finished.IsZero() }

// Bounded reports whether the record needs a slot to start.
func (r Record) Bounded() bool { return r.Slot != "" && r.SlotLimit > 0 }

// Holds reports whether the record holds a slot of its concurrency key.
func (r Record) Holds() bool { return r.Slot != "" && !r.Waiting() && !r.Ended() }

// Watched reports whether lists of executions must be read for the record.
func (r Record) Watched() bool {
	return r.State == runwith.StateRunning || !r.SearchFrom.IsZero() || !r.WatchUntil.IsZero()
}

// Later returns the later of two times, and Earlier the earlier one.
func Later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Earlier returns the earlier of two times.
func Earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Sooner returns the earlier of two times, of which a zero one means never.
func Sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Stored returns a time with the precision that stores keep.
func Stored(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
