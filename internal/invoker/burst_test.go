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
		b := &v.dispatching.burst
		for _, ends := range []bool{true, false} {
			before := c.calls()
			several(b.enter) // others, whose commit is not over
			invoke(t, v, runwith.Overrides{})
			time.Sleep(burstPatience - 2*burstLook)
			if got := c.calls() - before; got != 0 {
				t.Errorf("%d calls while a burst is being accepted, want 0", got)
			}
			if ends {
				several(b.leave)
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

// TestBurstHasPauses checks that short pauses do not end a burst.
func TestBurstHasPauses(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{}
		v := open(t, c)
		b := &v.dispatching.burst
		several(b.enter)
		invoke(t, v, runwith.Overrides{})
		for range 10 {
			several(b.leave)
			time.Sleep(burstLook / 3)
			several(b.enter)
			time.Sleep(burstLook / 3)
		}
		if got := c.calls(); got != 0 {
			t.Errorf("%d calls during a burst with pauses, want 0", got)
		}
		several(b.leave)
		time.Sleep(3 * burstLook)
		if got := c.calls(); got != 1 {
			t.Errorf("%d calls after the burst, want 1", got)
		}
	})
}

// several does for each request of a burst what one does.
func several(one func()) {
	for range burstSize {
		one()
	}
}
