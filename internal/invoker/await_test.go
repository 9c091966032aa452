package invoker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/testneed"
)

// local is the configuration for an engine.
func local(c *Config) { c.Local = true }

// TestEndIsToldInTime lets executions of several lengths end, on Cloud Runs that hold
// requests and others, and checks how much later the invoker knows it.
func TestEndIsToldInTime(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	const second, minute, hour = time.Second, time.Minute, time.Hour
	for name, test := range map[string]struct {
		life   time.Duration
		holds  bool
		called bool // a caller waits
		change func(*Config)
		late   time.Duration
	}{
		"engine, a caller waits for a moment":              {50 * time.Millisecond, true, true, local, 20 * time.Millisecond},
		"engine, a caller waits":                           {6 * second, true, true, local, 20 * time.Millisecond},
		"engine, a caller waits for an hour":               {hour, true, true, local, 20 * time.Millisecond},
		"engine, nobody waits":                             {12 * second, true, false, local, 100 * time.Millisecond},
		"engine, nobody waits for an hour":                 {hour, true, false, local, 100 * time.Millisecond},
		"engine, and the operation is unknown":             {12 * second, false, true, local, 100 * time.Millisecond},
		"Google's, a caller waits":                         {12 * second, true, true, func(*Config) {}, 20 * time.Millisecond},
		"Google's, a caller waits for an hour":             {hour, true, true, func(*Config) {}, 20 * time.Millisecond},
		"Google's, nobody waits":                           {59 * second, true, false, func(*Config) {}, second},
		"Google's, nobody waits for nine minutes":          {9 * minute, true, false, func(*Config) {}, 2 * second},
		"Google's holds nothing, a caller waits":           {59 * second, false, true, func(*Config) {}, second},
		"Google's holds nothing, a caller waits 9 minutes": {9 * minute, false, true, func(*Config) {}, 2 * second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := range 7 { // a poll may come at the right time by chance
				synctest.Test(t, func(t *testing.T) {
					c := &cloud{life: test.life - time.Duration(n)*test.life/500, holds: test.holds}
					v := open(t, c, test.change)
					told(t, v, c.life, test.called, test.late)
				})
			}
		})
	}
}

// told invokes a job, and checks that the invoker knows the end of its execution that much
// later.
func told(t *testing.T, v *Invoker, life time.Duration, called bool, late time.Duration) {
	t.Helper()
	<-v.Rebuilt()
	id := invoke(t, v, runwith.Overrides{}).ID
	if called {
		go func() { _, _ = v.Wait(context.Background(), id) }()
	}
	time.Sleep(life - time.Millisecond)
	synctest.Wait()
	if got := now(t, v, id).State; got != runwith.StateRunning {
		t.Errorf("before its end it is %s", got)
	}
	time.Sleep(late + 2*time.Millisecond)
	synctest.Wait()
	if got := now(t, v, id).State; got != runwith.StateSucceeded {
		t.Errorf("%v after its end it is %s, want it to be known", late, got)
	}
}

// TestHoldingIsCheap counts the reads in an hour in which a caller waits.
func TestHoldingIsCheap(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{life: 2 * time.Hour, holds: true}
		v := open(t, c)
		id := invoke(t, v, runwith.Overrides{}).ID
		go func() { _, _ = v.Wait(context.Background(), id) }()
		time.Sleep(time.Minute)
		began, held := c.reads(), c.seen().held
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := c.seen().held - held; got > 121 {
			t.Errorf("%d requests were held in an hour, want one in 30 s", got)
		}
		if got := c.reads() - began; got > 900 {
			t.Errorf("%d other reads, want one in 5 s", got)
		}
	})
}

// TestAnEarlyAnswerIsNoEnd lets Cloud Run answer at once, as Google's may do.
func TestAnEarlyAnswerIsNoEnd(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{life: time.Hour, holds: true, hold: time.Millisecond}
		v := open(t, c)
		id := invoke(t, v, runwith.Overrides{}).ID
		go func() { _, _ = v.Wait(context.Background(), id) }()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := c.seen().held; got != 1 {
			t.Errorf("%d requests that were answered at once, want one", got)
		}
		if got := wait(t, v, id); got.State != runwith.StateSucceeded {
			t.Errorf("state = %s, want %s", got.State, runwith.StateSucceeded)
		}
	})
}

// TestHoldingGoesOnAfterARestart checks that the operation is on disk.
func TestHoldingGoesOnAfterARestart(t *testing.T) {
	inBoth(t, func(t *testing.T, h house) {
		c := &cloud{life: 2 * time.Minute, holds: true}
		v := h.open(t, c)
		id := invoke(t, v, runwith.Overrides{}).ID
		until(t, v, id, runwith.StateRunning)
		closeInvoker(t, v)
		held := c.seen().held
		v = h.open(t, c)
		if got := wait(t, v, id); got.State != runwith.StateSucceeded || c.seen().held == held {
			t.Errorf("after a restart: %s, with %d requests held", got.State, c.seen().held-held)
		}
	})
}

// TestUrgentReadsComeFirst queues ordinary reads and then urgent ones before a quota.
func TestUrgentReadsComeFirst(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{})
		<-v.Rebuilt()
		g := &gate{name: "test", quota: 60}
		order := make(chan urgency, 40)
		pass := func(u urgency) {
			if err := v.pass(t.Context(), g, u); err != nil {
				t.Error(err)
			}
			order <- u
		}
		for range 7 { // what a full bucket has
			pass(urgent)
			<-order
		}
		for range 3 {
			go pass(ordinary)
		}
		synctest.Wait()
		for range 3 {
			go pass(urgent)
		}
		for i := range 6 {
			if got, want := <-order, urgency(i < 3); got != want {
				t.Errorf("read %d: urgent = %t, want %t", i, got, want)
			}
		}
	})
}

// TestOrdinaryReadsAreNotStarved keeps an urgent read waiting all the time.
func TestOrdinaryReadsAreNotStarved(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{})
		<-v.Rebuilt()
		g := &gate{name: "test", quota: 60}
		leave := g.enter()
		defer leave()
		began := time.Now()
		if err := v.pass(t.Context(), g, ordinary); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != givesWayFor {
			t.Errorf("an ordinary read gave way for %v, want %v", took, givesWayFor)
		}
	})
}
