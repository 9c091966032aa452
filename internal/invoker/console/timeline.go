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
	if i.State.Settled() {
		last.Why = "" // the page begins with it
	}
	if w := i.Waiting; w != nil {
		last.Why, last.Next = w.Message, w.Next
	}
	return steps
}

// historyOf returns the steps that have begun, with the execution's own times where they are known. What
// an invocation has waited for stands at the step in which it waited.
func historyOf(i runwith.Invocation) []step {
	steps := []step{{State: string(runwith.StateAccepted), At: i.Created}}
	cancelled := i.CancelRequested.IsZero() // its request has a place already
	for _, h := range i.History {
		if !cancelled && !h.At.Before(i.CancelRequested) {
			steps, cancelled = append(steps, step{State: cancelRequested, At: i.CancelRequested}), true
		}
		if h.For != "" {
			steps[len(steps)-1].Why = waited(h.For)
		}
		if h.State == runwith.StateAccepted && len(steps) == 1 {
			continue
		}
		steps = append(steps, step{State: string(h.State), At: timeOf(i, h), Why: h.Message})
	}
	if !cancelled {
		steps = append(steps, step{State: cancelRequested, At: i.CancelRequested})
	}
	return steps
}

// cancelRequested is the step of a cancel between its request and the end.
const cancelRequested = "cancel requested"

// timeOf returns when a step began.
func timeOf(i runwith.Invocation, s runwith.Step) time.Time {
	switch {
	case s.State == runwith.StateRunning && !i.Started.IsZero():
		return i.Started
	case s.State.Settled() && !i.Finished.IsZero():
		return i.Finished
	}
	return s.At
}

// waited returns what an invocation has waited for, in words.
func waited(hold runwith.Hold) string {
	return "waited for " + map[runwith.Hold]string{
		runwith.HoldStart: "the time that the request asked for", runwith.HoldSlot: "a slot of its concurrency key", runwith.HoldRate: "the job's rate",
		runwith.HoldBudget: "room in a budget", runwith.HoldQuota: "Cloud Run's quota", runwith.HoldCloudRun: "an answer of Cloud Run",
		runwith.HoldSearch: "the search for its execution",
	}[hold]
}
