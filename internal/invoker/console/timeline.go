package console

import (
	"time"

	"github.com/runwith/runwith"
)

// step is one state of an invocation on the way from its acceptance to its end.
type step struct {
	State string
	// At is when it began; zero: it is to come.
	At time.Time
	// Took is how long it lasted; empty: it lasts, or has not begun.
	Took string
	// Why is what the invocation has waited for.
	Why string
	// Next is when the invoker tries again; zero: unknown.
	Next time.Time
	Now  bool // the invocation is here
}

// stepsOf returns the steps of an invocation.
func stepsOf(i runwith.Invocation) []step {
	steps := historyOf(i)
	for n := range steps[:len(steps)-1] {
		if !steps[n].At.IsZero() && !steps[n+1].At.IsZero() {
			steps[n].Took = duration(steps[n+1].At.Sub(steps[n].At))
		}
	}
	last := &steps[len(steps)-1]
	last.Now = true
	if w := i.Waiting; w != nil {
		last.Why, last.Next = w.Message, w.Next
	}
	return steps
}

// historyOf returns the steps that have begun.
func historyOf(i runwith.Invocation) []step {
	steps := []step{{State: string(runwith.StateAccepted), At: i.Created}}
	if i.State == runwith.StateQueued || i.State == runwith.StateStarting {
		steps = append(steps, step{State: string(i.State)})
	}
	if !i.Started.IsZero() {
		steps = append(steps, step{State: string(runwith.StateRunning), At: i.Started})
	} else if i.State == runwith.StateRunning {
		steps = append(steps, step{State: string(runwith.StateRunning)})
	}
	if !i.CancelRequested.IsZero() {
		steps = append(steps, step{State: "cancel requested", At: i.CancelRequested})
	}
	if i.State.Settled() {
		steps = append(steps, step{State: string(i.State), At: i.Finished})
	}
	return steps
}
