package kubernetes

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/runwith/runwith/internal/engine/runner"
)

// TestBegins checks when an attempt counts as started if the clock of its node differs from this
// machine's.
func TestBegins(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		left          bool          // an earlier server placed it
		started, want time.Duration // after the Pod was seen, which was a minute ago
	}{
		"the clocks agree":                        {false, 20 * time.Second, 20 * time.Second},
		"the node's is behind":                    {false, -time.Hour, 0},
		"the node's is ahead":                     {false, time.Hour, time.Minute},
		"an adopted one began before it was seen": {true, -time.Hour, -time.Hour},
		"an adopted one began in the future":      {true, time.Hour, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := &Runner{life: t.Context()}
				a := r.newAttempt(runner.ID{Execution: "projects/p/locations/l/jobs/j/executions/j-abcde"})
				a.left = test.left
				time.Sleep(time.Minute)
				if got := a.begins(a.seen.Add(test.started)).Sub(a.seen); got != test.want {
					t.Errorf("a container that started %v after its Pod was seen began after %v, want %v", test.started, got, test.want)
				}
			})
		})
	}
}
