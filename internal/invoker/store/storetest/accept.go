package storetest

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

func keyed(n int, key, fingerprint string) ledger.Record {
	r := Waiting(n)
	r.Key, r.Fingerprint = key, fingerprint
	return r
}

func testKey(t *testing.T, s store.Store) {
	put(t, s, keyed(0, "k", "job=a args=b"))
	now := ledger.Admission{Now: begin()}
	again, err := s.Accept(t.Context(), keyed(1, "k", "job=a args=b"), now)
	if err != nil || !again.Replayed || again.Record.ID != "id-000" {
		t.Errorf("a repeat = %s, %v, %v, want the first", again.Record.ID, again.Replayed, err)
	}
	_, err = s.Accept(t.Context(), keyed(2, "k", "job=a args=c"), now)
	if runwith.CodeOf(err) != runwith.AlreadyExists {
		t.Errorf("another request with the key = %v, want ALREADY_EXISTS", err)
	}
	others := keyed(3, "k", "job=a args=c")
	others.Owner = "you"
	put(t, s, others)
	put(t, s, keyed(4, "", ""))
	put(t, s, keyed(5, "", ""))
	list, err := s.List(t.Context(), store.Query{Limit: 10})
	must(t, "List", err)
	want(t, "what was accepted", ids(list), []string{"id-005", "id-004", "id-003", "id-000"})
}

// testKeyAtOnce sends the same request a hundred times at once.
func testKeyAtOnce(t *testing.T, s store.Store) {
	var (
		all   sync.WaitGroup
		fresh atomic.Int32
	)
	for n := range 100 {
		all.Go(func() {
			accepted, err := s.Accept(t.Context(), keyed(n, "k", "f"), ledger.Admission{Now: begin()})
			if err != nil {
				t.Errorf("Accept = %v", err)
			}
			if !accepted.Replayed {
				fresh.Add(1)
			}
		})
	}
	all.Wait()
	list, err := s.List(t.Context(), store.Query{Limit: 200})
	must(t, "List", err)
	if len(list) != 1 || fresh.Load() != 1 {
		t.Errorf("%d invocations, and %d answers that say so, want 1", len(list), fresh.Load())
	}
}

func testKeyExpires(t *testing.T, s store.Store) {
	const week, day = 7 * 24 * time.Hour, 24 * time.Hour
	for n, test := range []struct {
		finished time.Duration // after the acceptance; 0: not yet
		after    time.Duration
		lives    bool
	}{
		{0, 1000 * week, true},
		{time.Hour, week - time.Second, true},
		{time.Hour, week, false},
		{8 * day, 9*day - time.Second, true},
		{8 * day, 9 * day, false},
	} {
		key := string(rune('a' + n))
		r := keyed(2*n, key, "f")
		if test.finished > 0 {
			r.State, r.Finished = runwith.StateSucceeded, begin().Add(test.finished)
		}
		put(t, s, r)
		again, err := s.Accept(t.Context(), keyed(2*n+1, key, "f"), ledger.Admission{Now: begin().Add(test.after)})
		if err != nil || again.Replayed != test.lives {
			t.Errorf("after %v, ended after %v: replayed %v, %v, want %v", test.after, test.finished, again.Replayed, err, test.lives)
		}
	}
}

func slotted(n, slots int) ledger.Record {
	r := Waiting(n)
	r.Slot, r.SlotLimit = "report", slots
	return r
}

func admit(t *testing.T, s store.Store, n, slots int, o ledger.Overflow) (ledger.Record, error) {
	t.Helper()
	accepted, err := s.Accept(t.Context(), slotted(n, slots), ledger.Admission{Now: begin(), Overflow: o})
	return accepted.Record, err
}

// testSlots checks that a record holds its slot from starting to its end, also while it
// is unresolved.
func testSlots(t *testing.T, s store.Store) {
	for n := range 5 {
		r, err := admit(t, s, n, 2, ledger.Queueing)
		must(t, "Accept", err)
		if queued := n >= 2; queued != (r.State == runwith.StateQueued) {
			t.Errorf("invocation %d is %s", n, r.State)
		}
	}
	put(t, s, Waiting(9)) // without a concurrency key: passes them
	query := take(begin(), 10)
	taken, err := s.Take(t.Context(), query)
	must(t, "Take", err)
	again, err := s.Take(t.Context(), query)
	must(t, "Take", err)
	took := slices.Concat(taken.Records, again.Records)
	want(t, "taken", ids(took), []string{"id-000", "id-001", "id-009"})

	unresolved := took[0]
	unresolved.State = runwith.StateUnresolved
	unresolved, err = s.Move(t.Context(), ledger.Move{From: took[0], To: unresolved})
	must(t, "Move", err)
	if taken, err := s.Take(t.Context(), query); err != nil || len(taken.Records) > 0 {
		t.Errorf("Take past an unresolved = %v, %v, want nothing", ids(taken.Records), err)
	}
	left := unresolved
	left.Finished = begin()
	_, err = s.Move(t.Context(), ledger.Move{From: unresolved, To: left})
	must(t, "Move", err)
	taken, err = s.Take(t.Context(), query)
	must(t, "Take", err)
	want(t, "taken when it was left", ids(taken.Records), []string{"id-002"})
}

func testReject(t *testing.T, s store.Store) {
	_, err := admit(t, s, 0, 1, ledger.Rejecting)
	must(t, "Accept", err)
	if _, err = admit(t, s, 1, 1, ledger.Rejecting); runwith.CodeOf(err) != runwith.Aborted {
		t.Errorf("Accept beyond the slots = %v, want ABORTED", err)
	}
	r := keyed(2, "k", "f")
	r.Slot, r.SlotLimit = "report", 1
	if _, err := s.Accept(t.Context(), r, ledger.Admission{Now: begin(), Overflow: ledger.Rejecting}); err == nil {
		t.Error("Accept beyond the slots with a key = nil")
	}
	if _, err := s.FindKey(t.Context(), "me", "k"); runwith.CodeOf(err) != runwith.NotFound {
		t.Errorf("the key of what was rejected = %v, want NOT_FOUND", err)
	}
}

func testReplace(t *testing.T, s store.Store) {
	running := slotted(0, 1)
	running.State, running.Execution = runwith.StateRunning, "e"
	put(t, s, running)
	for n := 1; n <= 3; n++ {
		_, err := admit(t, s, n, 1, ledger.Replacing)
		must(t, "Accept", err)
	}
	if r := find(t, s, "id-000"); r.State != runwith.StateRunning || r.CancelRequested.IsZero() {
		t.Errorf("the incumbent = %+v, want it to run, and to be cancelled", r)
	}
	for _, id := range []string{"id-001", "id-002"} {
		if r := find(t, s, id); r.State != runwith.StateCancelled || r.Finished.IsZero() || r.Error == nil {
			t.Errorf("%s, which waited = %+v, want it cancelled, and why", id, r)
		}
	}
	if r := find(t, s, "id-003"); r.State != runwith.StateQueued {
		t.Errorf("the newcomer = %+v, want it queued", r)
	}
}

func testWithdraw(t *testing.T, s store.Store) {
	put(t, s, keyed(0, "k", "f"))
	running := Waiting(1)
	running.State = runwith.StateStarting
	put(t, s, running)
	searched := Waiting(2)
	searched.SearchFrom = begin()
	put(t, s, searched)
	for id, can := range map[string]bool{"id-000": true, "id-001": false, "id-002": false, "nobody": false} {
		if got, err := s.Withdraw(t.Context(), id); got != can || err != nil {
			t.Errorf("Withdraw(%s) = %v, %v, want %v", id, got, err, can)
		}
	}
	if _, err := s.FindKey(t.Context(), "me", "k"); runwith.CodeOf(err) != runwith.NotFound {
		t.Errorf("the key of what was withdrawn = %v, want NOT_FOUND", err)
	}
}
