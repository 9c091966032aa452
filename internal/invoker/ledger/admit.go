package ledger

import (
	"time"

	"github.com/runwith/runwith"
)

// Overflow decides about a newcomer for which there is no slot. The zero value queues.
type Overflow string

// The choices.
const (
	// Queueing lets it wait for its turn.
	Queueing Overflow = "queue"
	// Rejecting refuses it with ABORTED.
	Rejecting Overflow = "reject"
	// Replacing cancels the holders of the slots, and drops waiting invocations.
	Replacing Overflow = "replace"
)

// Admission is the rule for accepting a newcomer.
type Admission struct {
	Now      time.Time
	Overflow Overflow    // if the slots of its concurrency key are taken
	Rates    []RateLimit // spent by it
	Budgets  Budgets     // of the server
	// Impatient refuses the newcomer where it would wait for a budget.
	Impatient bool
}

// MostWaiting returns how many waiting records [Admit] needs, oldest first; a negative number
// means all. To queue, it is enough to know that the slots are full.
func (a Admission) MostWaiting(r Record) int {
	if a.Overflow == Replacing {
		return -1
	}
	return r.SlotLimit
}

// Admit returns the newcomer in the state in which it is accepted, and the moves of
// others that make room for it. The others have its concurrency key: waiting ones and
// holders of a slot, each oldest first. Records that are [Record.Asleep] are not among them. A
// store need not load them unless the newcomer is [Record.Bounded] and awake. ABORTED refuses
// the newcomer. One that sleeps waits for its slot when its time has come.
func Admit(r Record, a Admission, waiting, holding []Record) (Record, []Move, error) {
	if !r.Bounded() || r.Asleep(a.Now) || len(waiting)+len(holding) < r.SlotLimit {
		return r, nil, nil
	}
	var moves []Move
	switch a.Overflow {
	case Rejecting:
		return r, nil, runwith.Errorf(runwith.Aborted, "job %s: %d of its invocations are under way or wait, which is the limit: "+
			"send the request again when one has ended", r.Job, len(waiting)+len(holding))
	case Replacing:
		moves = replace(r, a, waiting, holding)
	}
	r.State = runwith.StateQueued
	r.Parked = r.Dispatchable() && len(holding) >= r.SlotLimit
	return r, moves, nil
}

// replace drops waiting invocations, and cancels as many holders as the newcomer needs.
func replace(r Record, a Admission, waiting, holding []Record) (moves []Move) {
	reason := &runwith.Failure{Code: runwith.Aborted.String(), Message: "invocation " + r.ID + " has replaced it"}
	for _, old := range waiting {
		if old.SearchFrom.IsZero() {
			moves = append(moves, Move{old, old.Cancelled(a.Now, reason)})
		} else { // the search decides first
			moves = append(moves, Move{old, old.cancelling(a.Now)})
		}
	}
	for _, old := range holding[:max(0, len(holding)-r.SlotLimit+1)] {
		if old.CancelRequested.IsZero() {
			moves = append(moves, Move{old, old.cancelling(a.Now)})
		}
	}
	return moves
}
