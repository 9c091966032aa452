package invoker

import (
	"testing"
	"time"

	"github.com/runwith/runwith"
)

// TestBurstIsAcceptedFirst checks that nothing starts while a burst is being accepted,
// that everything starts when it is over, and that a burst without end does not stop the
// dispatcher.
func TestBurstIsAcceptedFirst(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{}
		v := open(t, c)
		for _, ends := range []bool{true, false} {
			before := c.calls()
			v.dispatching.burst.requests.Add(burstSize) // others, whose commit is not over
			invoke(t, v, runwith.Overrides{})
			time.Sleep(burstPatience - 2*burstLook)
			if got := c.calls() - before; got != 0 {
				t.Errorf("%d calls while a burst is being accepted, want 0", got)
			}
			if ends {
				v.dispatching.burst.requests.Add(-burstSize)
			}
			time.Sleep(3 * burstLook)
			if got := c.calls() - before; got != 1 {
				t.Errorf("%d calls after that (the burst is over: %t), want 1", got, ends)
			}
		}
		invoke(t, v, runwith.Overrides{})
		time.Sleep(burstLook)
		if got := c.calls(); got != 3 {
			t.Errorf("%d calls while the burst still goes on, want 3: it was given way to", got)
		}
	})
}
