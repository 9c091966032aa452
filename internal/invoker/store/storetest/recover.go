package storetest

import (
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// RunRecover runs the suite of Recover. The stores that open opens must be recovered: one process
// has them to itself, or they are copies.
func RunRecover(t *testing.T, open Open) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, store.Store){
		"rows":            testRecover,
		"rows that sleep": testSleepAndRecover,
		"delivery":        testRecoverDelivery,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func testRecover(t *testing.T, s store.Store) {
	leased := Waiting(0)
	leased.Checked, leased.Lease = false, begin().Add(time.Hour)
	calling := Waiting(1)
	calling.State, calling.Lease = runwith.StateStarting, begin().Add(time.Minute)
	running := Waiting(2)
	running.State, running.Execution = runwith.StateRunning, "e"
	ended := Waiting(3)
	ended.State, ended.Finished = runwith.StateSucceeded, begin().Add(2*time.Hour)
	for _, r := range []ledger.Record{leased, calling, running, ended} {
		put(t, s, r)
	}
	asOf, err := s.Recover(t.Context(), begin(), 10*time.Second)
	must(t, "Recover", err)
	want(t, "the latest", asOf, ended.Finished)
	if r := find(t, s, "id-000"); !r.Lease.IsZero() || !r.SearchFrom.Equal(begin()) {
		t.Errorf("what waits = %+v, want it to be searched for", r)
	}
	if r := find(t, s, "id-001"); !r.SearchFrom.Equal(begin().Add(70*time.Second)) || !r.WatchUntil.After(r.SearchFrom) {
		t.Errorf("what was called = %+v, want a search that counts after the deadline and the delay", r)
	}
	watched, err := s.Watched(t.Context(), "report")
	must(t, "Watched", err)
	want(t, "watched", ids(watched), []string{"id-000", "id-001", "id-002"})
	jobs, err := s.WatchedJobs(t.Context())
	must(t, "WatchedJobs", err)
	want(t, "jobs", jobs, []string{"report"})
	if r := find(t, s, "id-003"); r.Version != ended.Version || !r.SearchFrom.IsZero() {
		t.Errorf("what ended = %+v, want it as it was", r)
	}
}

// testSleepAndRecover checks that a record that sleeps is not searched for after a restart.
func testSleepAndRecover(t *testing.T, s store.Store) {
	put(t, s, sleeping(0))
	put(t, s, Waiting(1))
	_, err := s.Recover(t.Context(), begin().Add(time.Hour), time.Minute)
	must(t, "Recover", err)
	watched, err := s.Watched(t.Context(), "report")
	must(t, "Watched", err)
	want(t, "searched for", ids(watched), []string{"id-001"})
	taken, err := s.Take(t.Context(), take(sleeping(0).StartAt, 9))
	must(t, "Take", err)
	want(t, "taken", ids(taken.Records), []string{"id-000"})
}

// testRecoverDelivery checks that a delivery is due again whose sender has died.
func testRecoverDelivery(t *testing.T, s store.Store) {
	fail(t, s, 0, "docs", "")
	now := later()
	first, _ := due(t, s, now, 1, 9)
	_, err := s.Recover(t.Context(), now, time.Minute)
	must(t, "Recover", err)
	again, _ := due(t, s, now.Add(time.Second), 1, 9)
	if len(first) != 1 || len(again) != 1 || again[0].ID != first[0].ID {
		t.Errorf("due = %+v, and after a restart %+v, want the same before its lease ends", first, again)
	}
}
