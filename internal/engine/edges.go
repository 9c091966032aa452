package engine

import (
	"fmt"
	"slices"
	"strings"
)

// edges are the moves that a state machine allows: by state, the states that may
// follow it. Package engine's documentation draws both machines, and a test compares
// the drawing with these tables.
type edges map[state][]state

var (
	executionEdges = edges{
		pending: {running, failed, cancelled},
		running: {succeeded, failed, cancelled},
	}
	taskEdges = edges{
		pending: {running, cancelled},
		running: {pending, succeeded, failed, cancelled},
	}
)

// states lists all states, in the order in which SQL spells them.
var states = [...]state{pending, running, succeeded, failed, cancelled}

// check returns errStale if the machine has no edge between two states.
func (e edges) check(from, to state) error {
	if !slices.Contains(e[from], to) {
		return fmt.Errorf("move from %s to %s: %w", from, to, errStale)
	}
	return nil
}

// terminal reports whether no edge leaves a state. Executions and tasks end in the
// same states.
func (s state) terminal() bool { return len(executionEdges[s]) == 0 }

// Conditions on a column named state, for the SQL of executions and tasks. A table's
// alias and a dot may stand before them.
const (
	isPending = "state = '" + string(pending) + "'"
	isRunning = "state = '" + string(running) + "'"
)

var (
	// isLive selects the states that an edge leaves, and hasEnded the others. The schema's
	// partial indexes spell isLive in the same way.
	isLive   = stateIn(func(s state) bool { return !s.terminal() })
	hasEnded = stateIn(state.terminal)
)

// stateIn returns the condition that the state is one of those chosen.
func stateIn(choose func(state) bool) string {
	var in []string
	for _, s := range states {
		if choose(s) {
			in = append(in, "'"+string(s)+"'")
		}
	}
	return "state IN (" + strings.Join(in, ", ") + ")"
}
