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
	if r.Succeeded != 2 {
		t.Errorf("succeeded = %d, want 2", r.Succeeded)
	}
	if r.Rate != 66 {
		t.Errorf("rate = %d %%, want 66 %%", r.Rate)
	}
	if want := 10 * time.Second; r.Median != want {
		t.Errorf("median = %v, want %v", r.Median, want)
	}
	if want := 1000 * time.Second; r.Longest != want {
		t.Errorf("longest = %v, want %v", r.Longest, want)
	}
	for i, want := range []int{2, chartHeight, 2} {
		if e := r.Ends[i]; e.Height != want || e.Y != chartHeight-want || e.X != i*barStep {
			t.Errorf("bar %d is at %d, %d and %d high, want %d, %d and %d", i, e.X, e.Y, e.Height, i*barStep, chartHeight-want, want)
		}
	}
}
