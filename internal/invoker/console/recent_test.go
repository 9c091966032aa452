package console

import (
	"testing"
	"time"

	"github.com/runwith/runwith"
)

// The chart of a job's ends: the longest time has the highest bar, and none is invisible.
func TestEnds(t *testing.T) {
	t.Parallel()
	var r recent
	for _, seconds := range []int{10, 1000, 1} {
		r.Ends = append(r.Ends, end{Invocation: runwith.Invocation{State: runwith.StateSucceeded}, Took: time.Duration(seconds) * time.Second})
	}
	r.Ends[1].State = runwith.StateFailed
	r.sumUp()
	if r.Succeeded != 2 || r.Rate != 66 || r.Median != 10*time.Second || r.Longest != 1000*time.Second {
		t.Errorf("%d succeeded, %d %%, median %v, longest %v; want 2, 66 %%, 10s and 16m40s", r.Succeeded, r.Rate, r.Median, r.Longest)
	}
	for i, want := range []int{2, chartHeight, 2} {
		if e := r.Ends[i]; e.Height != want || e.Y != chartHeight-want || e.X != i*barStep {
			t.Errorf("bar %d is at %d, %d and %d high, want %d, %d and %d", i, e.X, e.Y, e.Height, i*barStep, chartHeight-want, want)
		}
	}
}
