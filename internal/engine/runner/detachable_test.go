package runner_test

import (
	"testing"

	"github.com/runwith/runwith/internal/engine/runner"
)

// TestDetach checks that a Runner lets go of an attempt only until it has begun to record its end.
func TestDetach(t *testing.T) {
	t.Parallel()
	for name, ending := range map[string]bool{"a running attempt": false, "an attempt that is ending": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := runner.NewDetachable(t.Context(), runner.ID{Execution: "e"})
			if ending && !a.StartEnding() {
				t.Fatal("StartEnding() = false, want true")
			}
			detached := make(chan error)
			go func() { detached <- a.Detach(t.Context()) }()
			if ending {
				a.End(runner.Result{}, nil)
			} else {
				<-a.Life.Done()
				a.End(runner.Result{}, runner.ErrDetached)
			}
			if err := <-detached; (err == nil) == ending {
				t.Errorf("Detach() = %v, want an error: %t", err, ending)
			}
			if letGo := a.Life.Err() != nil; letGo == ending {
				t.Errorf("the Runner has let go of it: %t, want %t", letGo, !ending)
			}
			if got := a.StartEnding(); got != ending {
				t.Errorf("StartEnding() after Detach() = %t, want %t", got, ending)
			}
		})
	}
}
