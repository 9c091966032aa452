package callback

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

func TestGoneDisablesTheEndpoint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.add(event("a", "docs"))
		var gone atomic.Bool
		gone.Store(true)
		s := open(t, m, endpoints(t, "docs"), func(context.Context, ledger.Delivery) outcome {
			if gone.Load() {
				return failing(410)
			}
			return ok()
		})
		s.Deliver(t.Context())
		if d := m.row("a"); d.State != ledger.DeliveryFailed || d.Attempts != 1 {
			t.Errorf("row after 410 = %+v, want failed at once", d)
		}
		m.add(event("b", "docs"))
		s.Ring()
		time.Sleep(time.Hour)
		synctest.Wait()
		if d := m.row("b"); d.Attempts != 0 || d.State != ledger.DeliveryPending {
			t.Errorf("row for a disabled endpoint = %+v, want pending without an attempt", d)
		}
		e, err := s.endpoint(t.Context(), "docs")
		if err != nil {
			t.Fatal(err)
		}
		if e.State != runwith.EndpointDisabled {
			t.Errorf("state after 410 = %s, want disabled", e.State)
		}
		if want := "it answered 410 Gone"; e.Reason != want {
			t.Errorf("reason after 410 = %q, want %q", e.Reason, want)
		}
		if e.Pending != 1 {
			t.Errorf("pending after 410 = %d, want 1", e.Pending)
		}
		if _, err := s.Replay(t.Context(), "a"); runwith.CodeOf(err) != runwith.FailedPrecondition || !strings.Contains(err.Error(), "callbacks enable docs") {
			t.Errorf("Replay() to a disabled endpoint = %v, want FAILED_PRECONDITION with the next step", err)
		}
		if _, err := s.ReplayFailed(t.Context(), "docs"); runwith.CodeOf(err) != runwith.FailedPrecondition {
			t.Errorf("ReplayFailed() of a disabled endpoint = %v, want FAILED_PRECONDITION", err)
		}
		gone.Store(false)
		if e, err := s.EnableEndpoint(t.Context(), "docs"); err != nil || e.State != runwith.EndpointOK {
			t.Errorf("EnableEndpoint() = %+v, %v", e, err)
		}
		if n, err := s.ReplayFailed(t.Context(), "docs"); n != 1 || err != nil {
			t.Errorf("ReplayFailed() = %d, %v, want 1", n, err)
		}
		s.Deliver(t.Context())
		if n := m.count(ledger.DeliveryDelivered); n != 2 {
			t.Errorf("delivered %d after the endpoint was enabled, want 2", n)
		}
		s.Close()
	})
}

// A URL of a request that is gone must not stop the callbacks of other requests.
func TestGoneURLOfARequestDisablesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		gone, fine := event("a", "request"), event("b", "request")
		gone.URL, fine.URL = "https://api.example.com/gone", "https://api.example.com/fine"
		m.add(gone, fine)
		e := mustNew(t, Rules{Requests: &Requests{Hosts: []string{"api.example.com"}, Secrets: secrets(t)}})
		s := open(t, m, e, func(_ context.Context, d ledger.Delivery) outcome {
			if d.ID == "a" {
				return failing(410)
			}
			time.Sleep(time.Second)
			return ok()
		})
		s.Deliver(t.Context())
		if a, b := m.row("a").State, m.row("b").State; a != ledger.DeliveryFailed || b != ledger.DeliveryDelivered {
			t.Errorf("states = %s and %s, want failed and delivered", a, b)
		}
		if h := m.healthOf("request api.example.com"); !h.DisabledAt.IsZero() {
			t.Errorf("health = %+v, want not disabled", h)
		}
		s.Close()
	})
}

// An endpoint is disabled when every attempt has failed for five days, and one delivery for
// half a day.
func TestFailureOfFiveDaysDisablesTheEndpoint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		var log logged
		s, err := Open(t.Context(), Config{Store: m, Endpoints: endpoints(t, "docs"), Logger: slog.New(slog.NewTextHandler(&log, nil)),
			attempt: answers(func(context.Context, ledger.Delivery) outcome { return failing(500) }).attempt})
		if err != nil {
			t.Fatal(err)
		}
		m.add(event("a", "docs"))
		s.Ring()
		time.Sleep(5*24*time.Hour + time.Hour) // a was given up after three days
		m.add(event("b", "docs"))
		s.Ring()
		time.Sleep(8 * time.Hour)
		synctest.Wait()
		if h := m.healthOf("docs"); h.FailingSince.IsZero() || !h.DisabledAt.IsZero() {
			t.Errorf("health = %+v, want failing: b has failed for less than half a day", h)
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if h := m.healthOf("docs"); h.DisabledAt.IsZero() || !strings.Contains(h.Reason, "every attempt has failed since") {
			t.Errorf("health = %+v, want disabled", h)
		}
		if d := m.row("b"); d.State != ledger.DeliveryPending {
			t.Errorf("row = %+v, want pending until somebody enables the endpoint", d)
		}
		if !strings.Contains(log.String(), "endpoint disabled") {
			t.Errorf("the log does not say that the endpoint was disabled:\n%s", log.String())
		}
		s.Close()
		// Another process knows it too.
		again := open(t, m, endpoints(t, "docs"), func(context.Context, ledger.Delivery) outcome { return ok() })
		time.Sleep(time.Hour)
		synctest.Wait()
		if d := m.row("b"); d.State != ledger.DeliveryPending {
			t.Errorf("row after a restart = %+v, want still pending", d)
		}
		again.Close()
	})
}

func TestSuccessEndsTheFailure(t *testing.T) {
	t.Parallel()
	d := ledger.Delivery{Created: time.Unix(0, 0)}
	begin := time.Unix(1000, 0)
	h := healthAfter(ledger.Endpoint{}, d, failing(500), begin)
	h = healthAfter(h, d, ok(), begin.Add(4*24*time.Hour))
	h = healthAfter(h, d, failing(500), begin.Add(6*24*time.Hour))
	if !h.DisabledAt.IsZero() || !h.FailingSince.Equal(begin.Add(6*24*time.Hour)) {
		t.Errorf("health = %+v, want failing since the failure after the success", h)
	}
}

func TestOperate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.add(events1toN("docs", 3)...)
		e := mustNew(t, Rules{Endpoints: []Endpoint{{Name: "docs", URL: "https://docs.example.com/x?token=canary", Secrets: secrets(t), Jobs: []string{"nightly"}}}})
		s := open(t, m, e, func(context.Context, ledger.Delivery) outcome { return ok() })
		s.Deliver(t.Context())
		const shownURL = "https://docs.example.com/x?***"
		page, next, err := s.Deliveries(t.Context(), Filter{Endpoint: "docs", State: runwith.DeliveryDelivered, PageSize: 2})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) != 2 {
			t.Fatalf("first page = %+v, want two deliveries", page)
		}
		if next == "" {
			t.Error("the first page has no token of the next one")
		}
		if page[0].Payload != nil {
			t.Errorf("payload in a list = %s, want none", page[0].Payload)
		}
		if page[0].URL != shownURL {
			t.Errorf("URL of a delivery = %q, want %q", page[0].URL, shownURL)
		}
		page, next, err = s.Deliveries(t.Context(), Filter{Endpoint: "docs", PageSize: 2, PageToken: next})
		if err != nil || len(page) != 1 || next != "" {
			t.Errorf("second page = %+v, %q, %v", page, next, err)
		}
		if _, _, err := s.Deliveries(t.Context(), Filter{PageToken: "removed"}); runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("Deliveries() after a delivery that was removed = %v", err)
		}
		if _, _, err := s.Deliveries(t.Context(), Filter{PageSize: -1}); runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("Deliveries() with a negative size = %v", err)
		}
		if _, _, err := s.Deliveries(t.Context(), Filter{State: "lost"}); runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("Deliveries() with an unknown state = %v", err)
		}
		d, err := s.Replay(t.Context(), "docs-0")
		if err != nil || d.State != runwith.DeliveryPending || string(d.Payload) != body {
			t.Errorf("Replay() = %+v, %v", d, err)
		}
		s.Deliver(t.Context())
		if d, err := s.Delivery(t.Context(), "docs-0"); err != nil || d.State != runwith.DeliveryDelivered || d.Attempts != 1 {
			t.Errorf("replayed delivery = %+v, %v", d, err)
		}
		for _, call := range []func() error{
			func() error { _, err := s.Delivery(t.Context(), "none"); return err },
			func() error { _, err := s.Replay(t.Context(), "none"); return err },
			func() error { _, err := s.ReplayFailed(t.Context(), "none"); return err },
			func() error { _, err := s.EnableEndpoint(t.Context(), "none"); return err },
		} {
			if err := call(); runwith.CodeOf(err) != runwith.NotFound {
				t.Errorf("a call about something unknown = %v, want NOT_FOUND", err)
			}
		}
		shown, err := s.Endpoints(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(shown) != 1 {
			t.Fatalf("Endpoints() = %+v, want one", shown)
		}
		if shown[0].URL != shownURL {
			t.Errorf("URL of the endpoint = %q, want %q", shown[0].URL, shownURL)
		}
		if len(shown[0].Events) != 5 {
			t.Errorf("events of the endpoint = %v, want 5", shown[0].Events)
		}
		if shown[0].Jobs[0] != "nightly" {
			t.Errorf("jobs of the endpoint = %v, want nightly", shown[0].Jobs)
		}
		s.Close()
	})
}
