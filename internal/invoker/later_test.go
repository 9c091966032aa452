package invoker

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

func startAt(v *Invoker, key string, at time.Time) Request {
	q := ask(v, key, runwith.Overrides{})
	q.Asked.StartAt, q.Terms.StartAt = at, at
	return q
}

// TestStartAt starts a job at its time, across a restart.
func TestStartAt(t *testing.T) {
	in(t, func(t *testing.T) {
		c, path := &cloud{life: time.Second}, filepath.Join(t.TempDir(), "invoker.db")
		v := reopen(t, c, path)
		<-v.Rebuilt()
		at := time.Now().Add(20 * time.Hour)
		i, _, err := v.Invoke(t.Context(), startAt(v, "k", at))
		if err != nil {
			t.Fatal(err)
		}
		if i.State != runwith.StateAccepted {
			t.Fatalf("state = %s, want accepted", i.State)
		}
		if i.Waiting == nil || i.Waiting.For != runwith.HoldStart {
			t.Fatalf("waiting = %+v, want it to wait for its start", i.Waiting)
		}
		if !i.Waiting.Next.Equal(at) {
			t.Fatalf("next = %v, want the start at %v", i.Waiting.Next, at)
		}
		left, err := v.Tick(t.Context())
		if err != nil || left[runwith.StateAccepted] != 0 {
			t.Errorf("Tick() = %v, %v, want it not to count as waiting", left, err)
		}
		time.Sleep(10 * time.Hour)
		closeInvoker(t, v)
		v = reopen(t, c, path)
		<-v.Rebuilt()
		if w := now(t, v, i.ID).Waiting; w == nil || w.For != runwith.HoldStart {
			t.Errorf("after a restart, waiting = %+v, want it to wait for its start", w)
		}
		again, replayed, err := v.Invoke(t.Context(), startAt(v, "k", at))
		if err != nil || !replayed || again.ID != i.ID {
			t.Errorf("a repeat = %s, replayed %v, %v, want the first", again.ID, replayed, err)
		}
		time.Sleep(time.Until(at) - time.Second)
		synctest.Wait()
		if c.calls() != 0 {
			t.Fatal("the job was started before its time")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := until(t, v, i.ID, runwith.StateRunning); got.Waiting != nil || !c.seen().times[0].Equal(at) {
			t.Errorf("started %v after its time, want at once", c.seen().times[0].Sub(at))
		}
		if got := wait(t, v, i.ID); got.State != runwith.StateSucceeded {
			t.Errorf("state = %s, want succeeded", got.State)
		}
	})
}

// TestStartAtPassed checks that a time that has passed means at once, and the furthest time.
func TestStartAtPassed(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{life: time.Second})
		<-v.Rebuilt()
		for _, ago := range []time.Duration{0, time.Second, 400 * 24 * time.Hour} {
			i, _, err := v.Invoke(t.Context(), startAt(v, "", time.Now().Add(-ago)))
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if got := wait(t, v, i.ID); got.State != runwith.StateSucceeded || time.Since(began) > 5*time.Second {
				t.Errorf("%v ago: %s after %v, want it started at once", ago, got.State, time.Since(began))
			}
		}
		if _, _, err := v.Invoke(t.Context(), startAt(v, "", time.Now().Add(MaxAhead))); err != nil {
			t.Errorf("30 days ahead = %v, want it accepted", err)
		}
		if _, _, err := v.Invoke(t.Context(), startAt(v, "", time.Now().Add(MaxAhead+time.Hour))); runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("more than 30 days ahead = %v, want INVALID_ARGUMENT", err)
		}
	})
}

// TestCancelBeforeStart cancels an invocation that sleeps.
func TestCancelBeforeStart(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{}
		v := open(t, c)
		<-v.Rebuilt()
		i, _, err := v.Invoke(t.Context(), startAt(v, "", time.Now().Add(time.Hour)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := v.Cancel(t.Context(), i.ID); err != nil || got.State != runwith.StateCancelled {
			t.Errorf("cancel before start: state = %q, %v, want cancelled", got.State, err)
		}
		time.Sleep(2 * time.Hour)
		if c.calls() != 0 {
			t.Error("it was started after its cancel")
		}
	})
}

// TestSleepersHoldNoSlot checks that one that sleeps leaves the slot to others, and waits for
// it when its time has come.
func TestSleepersHoldNoSlot(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{life: time.Minute}, bounded(1, ledger.Rejecting))
		<-v.Rebuilt()
		later, _, err := v.Invoke(t.Context(), startAt(v, "", time.Now().Add(30*time.Second)))
		if err != nil {
			t.Fatal(err)
		}
		prompt := invoke(t, v, runwith.Overrides{})
		time.Sleep(40 * time.Second)
		if w := now(t, v, later.ID).Waiting; w == nil || w.For != runwith.HoldSlot {
			t.Errorf("waiting = %+v, want it to wait for the slot", w)
		}
		wait(t, v, prompt.ID)
		if got := wait(t, v, later.ID); got.State != runwith.StateSucceeded {
			t.Errorf("state = %s, want succeeded", got.State)
		}
	})
}

// TestStartAtNeedsAStore checks that a server that keeps nothing refuses a later start.
func TestStartAtNeedsAStore(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{}, func(c *Config) { c.Ephemeral = true })
		<-v.Rebuilt()
		if _, _, err := v.Invoke(t.Context(), startAt(v, "", time.Now().Add(time.Minute))); runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("Invoke() = %v, want INVALID_ARGUMENT", err)
		}
		if i, _, err := v.Invoke(t.Context(), startAt(v, "", time.Now())); err != nil || i.State != runwith.StateRunning {
			t.Errorf("Invoke() for now = %s, %v, want it running", i.State, err)
		}
	})
}
