package ledger

import (
	"slices"
	"time"

	"github.com/runwith/runwith"
)

// edges are all transitions. A state without an entry is terminal. A state leads to
// itself if its row can change without leaving the state. The package documentation
// draws them.
var edges = map[runwith.State][]runwith.State{
	runwith.StateAccepted: {runwith.StateAccepted, runwith.StateStarting, runwith.StateRunning, runwith.StateCancelled,
		runwith.StateRefused, runwith.StateUnresolved},
	runwith.StateQueued: {runwith.StateQueued, runwith.StateStarting, runwith.StateRunning, runwith.StateCancelled,
		runwith.StateRefused, runwith.StateUnresolved},
	runwith.StateStarting: {runwith.StateAccepted, runwith.StateStarting, runwith.StateRunning, runwith.StateCancelled,
		runwith.StateRefused, runwith.StateUnresolved},
	runwith.StateRunning: {runwith.StateRunning, runwith.StateSucceeded, runwith.StateFailed, runwith.StateCancelled,
		runwith.StateUnresolved},
	runwith.StateUnresolved: {runwith.StateAccepted, runwith.StateRunning, runwith.StateUnresolved},
}

// Leads reports whether an invocation can move from one state to the other.
func Leads(from, to runwith.State) bool { return slices.Contains(edges[from], to) }

// States returns all states.
func States() []runwith.State {
	return append(Active(), runwith.StateSucceeded, runwith.StateFailed, runwith.StateCancelled, runwith.StateRefused, runwith.StateUnresolved)
}

// Waiting returns the states in which nothing has been started. A store that names them
// in SQL tests its text against this.
func Waiting() []runwith.State {
	return []runwith.State{runwith.StateAccepted, runwith.StateQueued}
}

// Holding returns the states that hold the slot of their concurrency key until they have a
// finish time. A store that names them in SQL tests its text against this.
func Holding() []runwith.State {
	return []runwith.State{runwith.StateStarting, runwith.StateRunning, runwith.StateUnresolved}
}

// Terminal returns the states that no edge leaves. A store that names them in SQL tests its text
// against this.
func Terminal() []runwith.State {
	return slices.DeleteFunc(States(), func(s runwith.State) bool { return len(edges[s]) > 0 })
}

// Outstanding returns the states that an edge leaves. A store that names them in SQL tests its
// text against this. A row in one of them has ended nevertheless if it has a finish time.
func Outstanding() []runwith.State {
	return slices.DeleteFunc(States(), func(s runwith.State) bool { return len(edges[s]) == 0 })
}

// Active returns the states from which a transition leads on by itself. Few invocations are
// in one of them.
func Active() []runwith.State {
	return append(Waiting(), runwith.StateStarting, runwith.StateRunning)
}

// Move is one transition: the row From becomes To. It is a compare-and-set: a store
// makes it only while the row [Move.Matches].
type Move struct{ From, To Record }

// Legal reports whether an edge leads from From to To, and To keeps the execution.
func (m Move) Legal() bool {
	return Leads(m.From.State, m.To.State) && m.From.Finished.IsZero() &&
		(m.From.Execution == "" || m.From.Execution == m.To.Execution) &&
		(m.From.ExecutionUID == "" || m.From.ExecutionUID == m.To.ExecutionUID)
}

// Matches reports whether the move is legal and begins at the row as it is now. If
// not, another transition was faster.
func (m Move) Matches(row Record) bool {
	return m.Legal() && row.ID == m.From.ID && row.Version == m.From.Version && row.State == m.From.State &&
		row.Finished.IsZero() && (row.Execution == "" || row.Execution == m.To.Execution)
}

// Made returns the row that the move leaves behind. now is the store's clock: a step of the
// history begins when the store writes it.
func (m Move) Made(now time.Time) Record {
	m.To.Version = m.From.Version + 1
	m.To.Trail = m.trailed(now)
	m.To.HeldBy, m.To.Why = "", ""
	return m.To
}
