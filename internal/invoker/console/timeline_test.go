package console

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
)

// The timeline says how long each state lasted and what the invocation waited for there, and
// takes the execution's own times for its start and end.
func TestTimeline(t *testing.T) {
	t.Parallel()
	at := func(second int) time.Time { return time.Date(2026, 11, 28, 12, 0, second, 0, time.UTC) }
	i := runwith.Invocation{
		State: runwith.StateCancelled, Created: at(0), Started: at(12), CancelRequested: at(20), Finished: at(25),
		History: []runwith.Step{
			{State: runwith.StateAccepted, At: at(0)}, {State: runwith.StateQueued, At: at(1)},
			{State: runwith.StateStarting, At: at(10), For: runwith.HoldSlot}, {State: runwith.StateRunning, At: at(13)},
			{State: runwith.StateCancelled, At: at(26)},
		},
	}
	want := []step{
		{State: "accepted", At: at(0), Took: "1.0 s"}, {State: "queued", At: at(1), Took: "9.0 s", Why: "waited for a slot of its concurrency key"},
		{State: "starting", At: at(10), Took: "2.0 s"}, {State: "running", At: at(12), Took: "8.0 s"},
		{State: "cancel requested", At: at(20), Took: "5.0 s"}, {State: "cancelled", At: at(25), Now: true},
	}
	if diff := cmp.Diff(want, stepsOf(i)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}
