package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// running returns a record that runs, of which the endpoint docs hears everything.
func running(n int) ledger.Record {
	r := Waiting(n)
	r.State, r.Execution = runwith.StateRunning, fmt.Sprint("execution ", n)
	r.Subscribers = []ledger.Subscriber{{Endpoint: "docs", Events: ledger.Events()}}
	return r
}

// heard describes the deliveries of an invocation, oldest first.
func heard(t *testing.T, s store.Store, id string) string {
	t.Helper()
	all, err := s.Deliveries(t.Context(), store.DeliveryQuery{Invocation: id, Limit: 100})
	must(t, "Deliveries", err)
	var parts []string
	for _, d := range all {
		parts = append([]string{strings.TrimPrefix(string(d.Event), "invocation.") + " to " + d.Endpoint}, parts...)
	}
	return strings.Join(parts, ", ")
}

// testEvents makes moves by every method of a store that makes any, and checks that each has
// exactly its events.
func testEvents(t *testing.T, s store.Store) {
	everything := []ledger.Subscriber{{Endpoint: "docs", Events: ledger.Events()}, {Endpoint: "ends", Events: []ledger.Event{ledger.EventSucceeded}}}
	waits := func(n int) ledger.Record {
		r := Waiting(n)
		r.Subscribers = everything
		return r
	}
	put(t, s, waits(0))
	want(t, "taken", takeIDs(t, s, 9), []string{"id-000"})
	want(t, "heard when it starts", heard(t, s, "id-000"), "")
	move(t, s, "id-000", succeed)
	want(t, "heard when it runs", heard(t, s, "id-000"), "started to docs")
	finishEach(t, s, "id-000")
	want(t, "heard when it has ended", heard(t, s, "id-000"), "started to docs, succeeded to docs, succeeded to ends")

	stale := find(t, s, "id-000")
	stale.Version--
	if _, err := s.MoveEach(t.Context(), []ledger.Move{{From: stale, To: finish(stale)}}); err != nil {
		t.Errorf("MoveEach = %v", err)
	}
	want(t, "heard of a stale move", heard(t, s, "id-000"), "started to docs, succeeded to docs, succeeded to ends")

	first, second := waits(1), waits(2)
	first.Slot, first.SlotLimit, second.Slot, second.SlotLimit = "key", 1, "key", 1
	put(t, s, first)
	accepted, err := s.Accept(t.Context(), second, ledger.Admission{Now: begin(), Overflow: ledger.Replacing})
	must(t, "Accept", err)
	if len(accepted.Moved) != 1 {
		t.Fatalf("Accept moved %+v, want the replaced one", accepted.Moved)
	}
	from, to := accepted.Moved[0].From, accepted.Moved[0].To
	want(t, "states of the replaced one", []runwith.State{from.State, to.State}, []runwith.State{runwith.StateAccepted, runwith.StateCancelled})
	want(t, "version of the replaced one", to.Version, from.Version+1)
	want(t, "heard of a replaced one", heard(t, s, "id-001"), "cancelled to docs")
	withdrawn, err := s.Withdraw(t.Context(), "id-002")
	if !withdrawn || err != nil {
		t.Errorf("Withdraw = %t, %v", withdrawn, err)
	}
	want(t, "heard of a withdrawn one", heard(t, s, "id-002"), "")

	calling := waits(3)
	calling.State, calling.Lease = runwith.StateStarting, begin()
	put(t, s, calling)
	lapsed, err := s.Lapse(t.Context(), begin().Add(time.Hour), time.Second)
	must(t, "Lapse", err)
	want(t, "lapsed", ids(lapsed), []string{"id-003"})
	want(t, "heard of a lapsed one", heard(t, s, "id-003"), "")
	move(t, s, "id-003", lose)
	move(t, s, "id-003", succeed)
	want(t, "heard of one that is found late", heard(t, s, "id-003"), "unresolved to docs, started to docs")

	_, err = s.Import(t.Context(), []ledger.Record{running(4)})
	must(t, "Import", err)
	want(t, "heard of an imported one", heard(t, s, "id-004"), "")
}

// due leases what is due at a time.
func due(t *testing.T, s store.Store, at time.Time, perLane, limit int) ([]ledger.Delivery, time.Time) {
	t.Helper()
	found, next, err := s.DueDeliveries(t.Context(), at, time.Minute, perLane, limit)
	must(t, "DueDeliveries", err)
	return found, next
}

// fail stores an invocation that fails, of which an endpoint hears.
func fail(t *testing.T, s store.Store, n int, endpoint, url string) {
	t.Helper()
	r := running(n)
	r.Subscribers = []ledger.Subscriber{{Endpoint: endpoint, URL: url, Events: []ledger.Event{ledger.EventFailed}}}
	put(t, s, r)
	move(t, s, r.ID, func(r ledger.Record) ledger.Record {
		return r.Observed(ledger.Status{State: runwith.StateFailed, Error: &runwith.Failure{Code: "UNKNOWN", Message: "why"}}, begin())
	})
}

// later is after all that the tests store: deliveries have the store's clock.
func later() time.Time { return ledger.Stored(time.Now().Add(time.Hour)) }

// testDelivery leases a delivery, lets it fail, and delivers it.
func testDelivery(t *testing.T, s store.Store) {
	before := time.Now()
	fail(t, s, 0, "request", "https://a.example/hook")
	now := later()
	first, next := due(t, s, now, 9, 9)
	if len(first) != 1 || !next.IsZero() {
		t.Fatalf("due = %+v, next %v, want one", first, next)
	}
	d := first[0]
	want(t, "event", d.Event, ledger.EventFailed)
	want(t, "invocation", d.Invocation, "id-000")
	want(t, "URL", d.URL, "https://a.example/hook")
	want(t, "state", d.State, ledger.DeliveryPending)
	if end := now.Add(time.Minute); !d.Lease.Equal(end) {
		t.Errorf("lease ends at %v, want %v", d.Lease, end)
	}
	if d.Created.Before(before.Add(-time.Second)) {
		t.Errorf("created = %v, want after %v", d.Created, before)
	}
	if text := `"message":"why"`; !strings.Contains(string(d.Payload), text) {
		t.Errorf("payload = %s, want %s in it", d.Payload, text)
	}
	again, next := due(t, s, now.Add(time.Second), 9, 9)
	if len(again) > 0 || !next.Equal(d.Lease) {
		t.Errorf("due while it has a lease = %+v, next %v, want none before %v", again, next, d.Lease)
	}
	failed := d
	failed.Attempts, failed.NextAttempt, failed.LastStatus, failed.LastError = 1, now.Add(5*time.Minute), 500, "it answered 500"
	must(t, "SettleDeliveries", s.SettleDeliveries(t.Context(), []ledger.Delivery{failed}))
	stored, err := s.Delivery(t.Context(), d.ID)
	must(t, "Delivery", err)
	failed.Lease = time.Time{}
	want(t, "the delivery that failed", stored, failed)
	if early, next := due(t, s, now.Add(time.Minute), 9, 9); len(early) > 0 || !next.Equal(failed.NextAttempt) {
		t.Errorf("due before its next attempt = %+v, next %v, want none before %v", early, next, failed.NextAttempt)
	}
	second, _ := due(t, s, failed.NextAttempt, 9, 9)
	if len(second) != 1 {
		t.Fatalf("due at its next attempt = %+v, want it", second)
	}
	late := failed
	late.Lease, late.State = d.Lease, ledger.DeliveryFailed
	must(t, "SettleDeliveries", s.SettleDeliveries(t.Context(), []ledger.Delivery{late}))
	if stored, err := s.Delivery(t.Context(), d.ID); stored.State != ledger.DeliveryPending || err != nil {
		t.Errorf("after the answer of an attempt whose lease was over = %+v, %v, want it pending", stored, err)
	}
	done := second[0]
	done.State, done.Attempts, done.LastStatus, done.Ended, done.LastError = ledger.DeliveryDelivered, 2, 204, now.Add(time.Hour), ""
	must(t, "SettleDeliveries", s.SettleDeliveries(t.Context(), []ledger.Delivery{done}))
	if left, next := due(t, s, now.Add(100*time.Hour), 9, 9); len(left) > 0 || !next.IsZero() {
		t.Errorf("due after it was delivered = %+v, next %v, want nothing", left, next)
	}
	if _, err := s.Delivery(t.Context(), "nobody"); runwith.CodeOf(err) != runwith.NotFound {
		t.Errorf("Delivery of another ID = %v, want NOT_FOUND", err)
	}
}

// testLeaseEnds leases a delivery whose sender has died.
func testLeaseEnds(t *testing.T, s store.Store) {
	fail(t, s, 0, "docs", "")
	now := later()
	first, _ := due(t, s, now, 1, 9)
	second, _ := due(t, s, now.Add(time.Minute), 1, 9)
	if len(first) != 1 {
		t.Fatalf("due = %+v, want one", first)
	}
	if len(second) != 1 {
		t.Fatalf("due after the lease = %+v, want one", second)
	}
	want(t, "ID after the lease", second[0].ID, first[0].ID)
	if end := now.Add(2 * time.Minute); !second[0].Lease.Equal(end) {
		t.Errorf("second lease ends at %v, want %v", second[0].Lease, end)
	}
}

// testFair checks that an endpoint with many deliveries, or one that does not answer, holds up
// no other.
func testFair(t *testing.T, s store.Store) {
	for n := range 10 {
		fail(t, s, n, "busy", "")
	}
	fail(t, s, 10, "docs", "")
	fail(t, s, 11, "request", "https://a.example/x")
	fail(t, s, 12, "request", "https://b.example/x")
	now := later()
	count := func(all []ledger.Delivery) map[string]int {
		lanes := map[string]int{}
		for _, d := range all {
			lanes[d.Lane()]++
		}
		return lanes
	}
	first, _ := due(t, s, now, 4, 6)
	want(t, "leased first", count(first), map[string]int{"busy": 3, "docs": 1, "request a.example": 1, "request b.example": 1})
	second, _ := due(t, s, now, 4, 6)
	want(t, "leased while those are under way", count(second), map[string]int{"busy": 1})
	third, next := due(t, s, now, 4, 6)
	if len(third) > 0 || !next.Equal(now.Add(time.Minute)) {
		t.Errorf("leased beyond the limit of the lane = %+v, next %v, want none before a lease ends", third, next)
	}
	for i := range first {
		first[i].State, first[i].Ended = ledger.DeliveryDelivered, now
	}
	must(t, "SettleDeliveries", s.SettleDeliveries(t.Context(), first))
	fourth, _ := due(t, s, now, 4, 6)
	want(t, "leased when some were delivered", count(fourth), map[string]int{"busy": 3})
}

// testEndpoints disables an endpoint, and enables it again.
func testEndpoints(t *testing.T, s store.Store) {
	fail(t, s, 0, "docs", "")
	fail(t, s, 1, "other", "")
	endpoints := func() []ledger.Endpoint {
		all, err := s.Endpoints(t.Context())
		must(t, "Endpoints", err)
		return all
	}
	want(t, "endpoints", endpoints(), []ledger.Endpoint{{Name: "docs", Pending: 1}, {Name: "other", Pending: 1}})
	disabled := ledger.Endpoint{Name: "docs", FailingSince: begin(), DisabledAt: begin().Add(time.Hour), Reason: "it answered 410"}
	idle := ledger.Endpoint{Name: "idle", FailingSince: begin()}
	must(t, "SaveEndpoint", s.SaveEndpoint(t.Context(), disabled))
	must(t, "SaveEndpoint", s.SaveEndpoint(t.Context(), idle))
	disabled.Pending = 1
	want(t, "endpoints", endpoints(), []ledger.Endpoint{disabled, idle, {Name: "other", Pending: 1}})
	if found, next := due(t, s, later(), 9, 9); len(found) != 1 || found[0].Endpoint != "other" || !next.IsZero() {
		t.Errorf("due = %+v, next %v, want nothing for the one that is disabled", found, next)
	}
	for _, health := range []ledger.Endpoint{{Name: "docs"}, {Name: "docs", FailingSince: later()}, {Name: "idle"}} { // of a process that does not know
		must(t, "SaveEndpoint", s.SaveEndpoint(t.Context(), health))
	}
	want(t, "endpoints", endpoints(), []ledger.Endpoint{disabled, {Name: "other", Pending: 1}})
	must(t, "EnableEndpoint", s.EnableEndpoint(t.Context(), "docs"))
	want(t, "endpoints", endpoints(), []ledger.Endpoint{{Name: "docs", Pending: 1}, {Name: "other", Pending: 1}})
	if found, _ := due(t, s, later(), 9, 9); len(found) != 1 || found[0].Endpoint != "docs" {
		t.Errorf("due = %+v, want what waited for the one that is enabled", found)
	}
}

// testReplay lists deliveries, and sends some again.
func testReplay(t *testing.T, s store.Store) {
	for n := range 4 {
		fail(t, s, n, []string{"docs", "other"}[n%2], "")
	}
	now := later()
	all, _ := due(t, s, now, 9, 9)
	for i := range all {
		all[i].State, all[i].Attempts, all[i].Ended = ledger.DeliveryFailed, 10, now
		all[i].LastStatus, all[i].LastError = 500, "it answered 500"
	}
	must(t, "SettleDeliveries", s.SettleDeliveries(t.Context(), all[:3]))
	list := func(q store.DeliveryQuery) (invocations []string) {
		q.Limit = max(q.Limit, 1)
		found, err := s.Deliveries(t.Context(), q)
		must(t, "Deliveries", err)
		for _, d := range found {
			invocations = append(invocations, d.Invocation)
		}
		return invocations
	}
	want(t, "newest first", list(store.DeliveryQuery{Limit: 9}), []string{"id-003", "id-002", "id-001", "id-000"})
	want(t, "of an endpoint", list(store.DeliveryQuery{Endpoint: "docs", Limit: 9}), []string{"id-002", "id-000"})
	if failed := list(store.DeliveryQuery{State: ledger.DeliveryFailed, Limit: 9}); len(failed) != 3 {
		t.Errorf("failed = %v, want three", failed)
	}
	newest, err := s.Deliveries(t.Context(), store.DeliveryQuery{Limit: 2})
	must(t, "Deliveries", err)
	want(t, "the next page", list(store.DeliveryQuery{Before: newest[1].ID, Limit: 1}), []string{"id-001"})

	ids := []string{all[0].ID, all[1].ID, all[3].ID, "nobody"} // the last has an attempt under way
	n, err := s.Replay(t.Context(), ids, now)
	if n != 2 || err != nil {
		t.Errorf("Replay = %d, %v, want 2", n, err)
	}
	again, _ := due(t, s, now, 9, 9)
	if len(again) != 2 {
		t.Fatalf("due after the replay = %+v, want two", again)
	}
	want(t, "attempts after the replay", again[0].Attempts, 0)
	want(t, "last status after the replay", again[0].LastStatus, 0)
	want(t, "last error after the replay", again[0].LastError, "")
	if !again[0].Ended.IsZero() {
		t.Errorf("end after the replay = %v, want none", again[0].Ended)
	}
}

// testExplainDelivery checks that the reason of a failure that is found later reaches a
// delivery that was never attempted, and no other.
func testExplainDelivery(t *testing.T, s store.Store) {
	reason := runwith.Failure{Code: "ABORTED", Message: "because", Task: new(1), ExitCode: 2}
	for n := range 2 {
		fail(t, s, n, "docs", "")
	}
	first, _ := due(t, s, later(), 1, 1)
	for n := range 2 {
		must(t, "Explain", s.Explain(t.Context(), fmt.Sprintf("id-%03d", n), reason))
	}
	all, err := s.Deliveries(t.Context(), store.DeliveryQuery{Limit: 9})
	must(t, "Deliveries", err)
	for _, d := range all {
		explained := strings.Contains(string(d.Payload), `"message":"because","task":1,"exitCode":2`)
		if attempted := d.ID == first[0].ID; explained == attempted {
			t.Errorf("payload of %s = %s, want it explained %t", d.Invocation, d.Payload, !attempted)
		}
	}
}
