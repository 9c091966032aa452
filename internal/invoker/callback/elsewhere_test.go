package callback

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// two opens two processes on a store, and closes them with the test.
func two(t *testing.T, m *memory, first, second *Endpoints, a answers) (*Sender, *Sender) {
	t.Helper()
	m.shared = true
	senders := []*Sender{open(t, m, first, a), open(t, m, second, a)}
	for _, s := range senders {
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return senders[0], senders[1]
}

// later lets time pass, and returns when everything is done that is due.
func later(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// TestDisabledElsewhere disables an endpoint in one process, before an attempt of another one
// succeeds that began earlier. Then a person enables it in one of them.
func TestDisabledElsewhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		first, second := two(t, m, endpoints(t, "docs"), endpoints(t, "docs"), func(context.Context, ledger.Delivery) outcome { return ok() })
		save(t, m, ledger.Endpoint{Name: "docs", FailingSince: ledger.Stored(time.Now())})
		later(idleShared)
		save(t, m, ledger.Endpoint{Name: "docs", DisabledAt: ledger.Stored(time.Now()), Reason: "why"})
		second.saveHealth([]result{{event("earlier", "docs"), ok(), time.Now()}})
		if h := m.healthOf("docs"); h.DisabledAt.IsZero() {
			t.Errorf("health = %+v, want disabled until a person enables it", h)
		}
		later(idleShared)
		m.add(event("next", "docs"))
		later(10 * time.Second)
		if d := m.row("next"); d.State != ledger.DeliveryPending || d.Attempts > 0 {
			t.Errorf("next = %+v, want no attempt while the endpoint is disabled", d)
		}
		if _, err := first.EnableEndpoint(t.Context(), "docs"); err != nil {
			t.Fatal(err)
		}
		later(2 * time.Second)
		if d := m.row("next"); d.State != ledger.DeliveryDelivered {
			t.Errorf("next = %+v, want delivered: the endpoint is enabled", d)
		}
	})
}

func save(t *testing.T, m *memory, e ledger.Endpoint) {
	t.Helper()
	if err := m.SaveEndpoint(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

// TestHealthOfOthers checks that a process knows the health that another one has saved.
func TestHealthOfOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		first, second := two(t, m, endpoints(t, "docs"), endpoints(t, "docs"), func(context.Context, ledger.Delivery) outcome { return ok() })
		disabled := ledger.Endpoint{Name: "docs", DisabledAt: ledger.Stored(time.Now()), Reason: "why"}
		for _, want := range []ledger.Endpoint{disabled, {Name: "docs"}} {
			if err := m.EnableEndpoint(t.Context(), "docs"); err != nil {
				t.Fatal(err)
			}
			save(t, m, want)
			later(idleShared)
			for n, s := range []*Sender{first, second} {
				s.mu.Lock()
				got := s.lane("docs").health
				s.mu.Unlock()
				if !got.DisabledAt.Equal(want.DisabledAt) {
					t.Errorf("in process %d disabled at %v, want %v", n, got.DisabledAt, want.DisabledAt)
				}
			}
		}
	})
}

// TestRollout delivers to an endpoint that only one of two processes knows, because a new
// configuration is being rolled out.
func TestRollout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		two(t, m, endpoints(t), endpoints(t, "docs"), func(context.Context, ledger.Delivery) outcome { return ok() })
		m.add(events1toN("docs", 10)...)
		m.add(event("nowhere", "removed"))
		later(5 * time.Minute)
		if n := m.count(ledger.DeliveryDelivered); n != 10 {
			t.Errorf("%d delivered, want 10", n)
		}
		if d := m.row("nowhere"); d.State != ledger.DeliveryPending || d.Attempts > 0 {
			t.Errorf("to an endpoint that nobody knows yet: %+v, want pending", d)
		}
		later(rollout)
		if d := m.row("nowhere"); d.State != ledger.DeliveryFailed {
			t.Errorf("to an endpoint that nobody knows: %+v, want failed", d)
		}
	})
}
