package storetest

import (
	"maps"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// sleeping returns a record that starts a day after the begin.
func sleeping(n int) ledger.Record {
	r := Waiting(n)
	r.StartAt = begin().Add(24 * time.Hour)
	return r
}

// testStartLater checks that a record is taken at its time and not before, and that nobody
// counts it as waiting until then.
func testStartLater(t *testing.T, s store.Store) {
	put(t, s, sleeping(0))
	prompt := Waiting(1)
	prompt.Created = begin().Add(time.Minute)
	put(t, s, prompt)
	left, err := s.Outstanding(t.Context())
	if all := (store.Outstanding{store.Later: 1, runwith.StateAccepted: 1}); !maps.Equal(left, all) || err != nil {
		t.Errorf("Outstanding = %v, %v, want %v", left, err, all)
	}
	oldest(t, s, prompt.Created)
	want(t, "taken at once", takeIDs(t, s, 9), []string{prompt.ID})
	oldest(t, s, time.Time{})
	due := sleeping(0).StartAt
	early, err := s.Take(t.Context(), take(due.Add(-time.Microsecond), 9))
	if err != nil || len(early.Records) > 0 || !early.Next.Equal(due) {
		t.Errorf("Take just before = %v, next %v, %v, want nothing before %v", ids(early.Records), early.Next, err, due)
	}
	none, err := s.Take(t.Context(), take(due, 0)) // wakes it, and takes none
	if err != nil || len(none.Records) > 0 {
		t.Errorf("Take of none = %v, %v", ids(none.Records), err)
	}
	oldest(t, s, due)
	taken, err := s.Take(t.Context(), take(due, 9))
	must(t, "Take", err)
	want(t, "taken in time", ids(taken.Records), []string{"id-000"})
	cancelled := put(t, s, sleeping(2))
	_, err = s.Move(t.Context(), ledger.Move{From: cancelled, To: cancelled.Cancelled(begin(), nil)})
	must(t, "cancel while it sleeps", err)
	taken, err = s.Take(t.Context(), take(due, 9))
	must(t, "Take", err)
	want(t, "taken after its cancel", ids(taken.Records), []string{})
}

func oldest(t *testing.T, s store.Store, wanted time.Time) {
	t.Helper()
	at, err := s.OldestWaiting(t.Context())
	if err != nil || !at.Equal(wanted) {
		t.Errorf("OldestWaiting = %v, %v, want %v", at, err, wanted)
	}
}

// testSleepingSlot checks that a sleeping record neither counts for its slots nor is stopped by
// them, and that it waits for one when its time has come.
func testSleepingSlot(t *testing.T, s store.Store) {
	later := func(n int) ledger.Record {
		r := slotted(n, 1)
		r.StartAt = sleeping(n).StartAt
		return r
	}
	put(t, s, later(0))
	_, err := admit(t, s, 1, 1, ledger.Rejecting)
	must(t, "Accept beside one that sleeps", err)
	want(t, "taken", takeIDs(t, s, 9), []string{"id-001"})
	accepted, err := s.Accept(t.Context(), later(2), ledger.Admission{Now: begin(), Overflow: ledger.Rejecting})
	if err != nil || accepted.Record.State != runwith.StateAccepted {
		t.Errorf("Accept of one that sleeps = %s, %v, want it accepted", accepted.Record.State, err)
	}
	due := later(0).StartAt
	if _, err := s.Accept(t.Context(), slotted(3, 3), ledger.Admission{Now: due, Overflow: ledger.Rejecting}); runwith.CodeOf(err) != runwith.Aborted {
		t.Errorf("Accept when those that slept are due = %v, want ABORTED", err)
	}
	taken, err := s.Take(t.Context(), take(due, 9))
	must(t, "Take", err)
	want(t, "taken while the slot is held", ids(taken.Records), []string{})
	move(t, s, "id-001", succeed)
	finishEach(t, s, "id-001")
	taken, err = s.Take(t.Context(), take(due, 9))
	must(t, "Take", err)
	want(t, "taken when the slot is free", ids(taken.Records), []string{"id-000"})
}
