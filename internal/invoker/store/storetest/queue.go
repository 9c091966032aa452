package storetest

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

func take(now time.Time, limit int) ledger.Take {
	return ledger.Take{Now: now, Call: time.Minute, Limit: limit, Runs: "runs"}
}

func testOldest(t *testing.T, s store.Store) {
	oldest := func() time.Time {
		at, err := s.OldestWaiting(t.Context())
		must(t, "OldestWaiting", err)
		return at
	}
	want(t, "without any", oldest(), time.Time{})
	first, second := Waiting(0), Waiting(1)
	second.Created = begin().Add(time.Minute)
	put(t, s, second)
	put(t, s, first)
	want(t, "of two", oldest(), first.Created)
	_, err := s.Take(t.Context(), take(begin(), 1))
	must(t, "Take", err)
	want(t, "when the first is started", oldest(), second.Created)
}

func testOrder(t *testing.T, s store.Store) {
	late := Waiting(1)
	late.NotBefore = begin().Add(time.Second)
	unchecked := Waiting(2)
	unchecked.Checked = false
	for _, r := range []ledger.Record{Waiting(3), late, Waiting(0), unchecked} {
		put(t, s, r)
	}
	first, err := s.Take(t.Context(), take(begin(), 1))
	must(t, "Take", err)
	want(t, "first", ids(first.Records), []string{"id-000"})
	if r := first.Records[0]; r.State != runwith.StateStarting || r.Attempts != 1 || !r.Lease.Equal(begin().Add(time.Minute)) {
		t.Errorf("taken = %+v, want it starting, with a lease", r)
	}
	second, err := s.Take(t.Context(), take(begin(), 9))
	must(t, "Take", err)
	want(t, "second", ids(second.Records), []string{"id-003"})
	third, err := s.Take(t.Context(), take(begin(), 9))
	must(t, "Take", err)
	if len(third.Records) > 0 || !third.Next.Equal(late.NotBefore) {
		t.Errorf("third = %v, next %v, want nothing before %v", ids(third.Records), third.Next, late.NotBefore)
	}
	leased, _, err := s.Unchecked(t.Context(), begin(), time.Minute, 9)
	must(t, "Unchecked", err)
	want(t, "unchecked", ids(leased), []string{"id-002"})
	leased, next, err := s.Unchecked(t.Context(), begin(), time.Minute, 9)
	if err != nil || len(leased) > 0 || !next.Equal(begin().Add(time.Minute)) {
		t.Errorf("unchecked again = %v, next %v, %v, want nothing before the lease ends", ids(leased), next, err)
	}
	left, err := s.Outstanding(t.Context())
	if all := (store.Outstanding{runwith.StateAccepted: 2, runwith.StateStarting: 2}); !maps.Equal(left, all) || err != nil {
		t.Errorf("Outstanding = %v, %v, want %v", left, err, all)
	}
}

func testTakeAtOnce(t *testing.T, s store.Store) {
	for n := range 50 {
		put(t, s, Waiting(n))
	}
	var (
		all   sync.WaitGroup
		mu    sync.Mutex
		taken []string
	)
	for range 10 {
		all.Go(func() {
			got, err := s.Take(t.Context(), take(begin(), 7))
			if err != nil {
				t.Errorf("Take = %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			taken = append(taken, ids(got.Records)...)
		})
	}
	all.Wait()
	slices.Sort(taken)
	if len(taken) != 50 || len(slices.Compact(taken)) != 50 {
		t.Errorf("%d were taken, want each of 50 once: %v", len(taken), taken)
	}
}

// testSearchFirst checks that a record that is searched for is not taken.
func testSearchFirst(t *testing.T, s store.Store) {
	r := Waiting(0)
	r.SearchFrom = begin().Add(-time.Hour)
	r = put(t, s, r)
	if taken, err := s.Take(t.Context(), take(begin(), 9)); err != nil || len(taken.Records) > 0 {
		t.Fatalf("Take = %v, %v, want nothing", ids(taken.Records), err)
	}
	unchecked := Waiting(1)
	unchecked.Checked, unchecked.SearchFrom = false, r.SearchFrom
	put(t, s, unchecked)
	leased, _, err := s.Unchecked(t.Context(), begin(), time.Minute, 9)
	if err != nil || len(leased) > 0 {
		t.Fatalf("Unchecked = %v, %v, want nothing: a check may end it", ids(leased), err)
	}
	watched, err := s.Watched(t.Context(), "report")
	must(t, "Watched", err)
	want(t, "watched", ids(watched), []string{r.ID, unchecked.ID})
	found := r
	found.SearchFrom = time.Time{}
	_, err = s.Move(t.Context(), ledger.Move{From: r, To: found})
	must(t, "Move", err)
	taken, err := s.Take(t.Context(), take(begin(), 9))
	must(t, "Take", err)
	want(t, "taken when it was not found", ids(taken.Records), []string{r.ID})
}

// takeAll takes second by second, and returns how many were taken in each minute, and
// their order.
func takeAll(t *testing.T, s store.Store, query ledger.Take, minutes int) (counts []int, order []string) {
	t.Helper()
	for m := range minutes {
		counts = append(counts, 0)
		for second := range 60 {
			query.Now = begin().Add(time.Duration(60*m+second) * time.Second)
			taken, err := s.Take(t.Context(), query)
			must(t, "Take", err)
			counts[m] += len(taken.Records)
			order = append(order, ids(taken.Records)...)
			if len(taken.Records) == 0 && !taken.Next.After(query.Now) {
				t.Fatalf("at %v nothing is taken, and next is %v", query.Now, taken.Next)
			}
		}
	}
	return counts, order
}

func testQuota(t *testing.T, s store.Store) {
	for n := range 200 {
		put(t, s, Waiting(n))
	}
	query := take(begin(), 16)
	query.Quota = 30
	counts, order := takeAll(t, s, query, 3)
	for m, n := range counts {
		if n > 30 || n < 25 {
			t.Errorf("%d were taken in minute %d, want up to 30", n, m)
		}
	}
	if !slices.IsSorted(order) {
		t.Errorf("they were taken in the order %v", order)
	}
	ok, _, err := s.Spend(t.Context(), "reads", 30, begin())
	if !ok || err != nil {
		t.Errorf("Spend from another bucket = %v, %v, want it to count apart", ok, err)
	}
}

func testRate(t *testing.T, s store.Store) {
	for n := range 100 {
		r := Waiting(n)
		if n%2 == 1 {
			r.Job = "other"
		}
		put(t, s, r)
	}
	query := take(begin(), 4)
	query.Rates = map[string]ledger.Quota{"report": 5}
	_, order := takeAll(t, s, query, 2)
	count := map[bool]int{}
	for _, id := range order {
		count[find(t, s, id).Job == "report"]++
	}
	if count[true] > 10 || count[true] < 8 || count[false] != 50 {
		t.Errorf("in 2 minutes %d of the job were taken and %d of the other, want 10 and all 50", count[true], count[false])
	}
}

func testPause(t *testing.T, s store.Store) {
	for n := range 3 {
		put(t, s, Waiting(n))
	}
	for _, after := range []time.Duration{30 * time.Second, 10 * time.Second} { // the second belongs to a call that was out together with the first
		if next, err := s.Pause(t.Context(), "runs", begin(), after); err != nil || !next.Equal(begin().Add(30*time.Second)) {
			t.Errorf("Pause(%v) = %v, %v, want 30 s later", after, next, err)
		}
	}
	none, err := s.Take(t.Context(), take(begin().Add(29*time.Second), 9))
	must(t, "Take", err)
	if len(none.Records) > 0 || !none.Next.Equal(begin().Add(30*time.Second)) {
		t.Errorf("while it is paused = %v, next %v", ids(none.Records), none.Next)
	}
	one, err := s.Take(t.Context(), take(begin().Add(30*time.Second), 9))
	must(t, "Take", err)
	if len(one.Records) != 1 || !one.Probing {
		t.Errorf("after the pause = %v, probing %v, want one goes first", ids(one.Records), one.Probing)
	}
	must(t, "Resume", s.Resume(t.Context(), "runs"))
	rest, err := s.Take(t.Context(), take(begin().Add(30*time.Second), 9))
	must(t, "Take", err)
	if len(rest.Records) != 2 || rest.Probing {
		t.Errorf("after Resume = %v, want the rest", ids(rest.Records))
	}
}

func testLapse(t *testing.T, s store.Store) {
	for n := range 2 {
		calling := Waiting(n)
		calling.State, calling.Lease = runwith.StateStarting, begin().Add(time.Duration(n)*time.Hour)
		put(t, s, calling)
	}
	ended := Waiting(2)
	ended.State, ended.Finished, ended.WatchUntil = runwith.StateSucceeded, begin(), begin().Add(time.Minute)
	put(t, s, ended)
	lapsed, err := s.Lapse(t.Context(), begin().Add(time.Minute), time.Second)
	must(t, "Lapse", err)
	want(t, "lapsed", ids(lapsed), []string{"id-000"})
	watched, err := s.Watched(t.Context(), "report")
	must(t, "Watched", err)
	want(t, "watched", ids(watched), []string{"id-000"})
	if r := find(t, s, "id-002"); r.State != runwith.StateSucceeded || !r.WatchUntil.IsZero() {
		t.Errorf("what was watched long enough = %+v", r)
	}
}

func testTwins(t *testing.T, s store.Store) {
	put(t, s, Waiting(0))
	twin := store.Twin{Execution: "e2", Invocation: "id-000", Found: begin()}
	for n, first := range []bool{true, false} {
		if added, err := s.AddTwin(t.Context(), twin); added != first || err != nil {
			t.Errorf("AddTwin, time %d = %v, %v", n, added, err)
		}
	}
	if r := find(t, s, "id-000"); r.Twins != 1 {
		t.Errorf("twins = %d, want 1", r.Twins)
	}
	due, _, err := s.TwinsDue(t.Context(), begin(), 9)
	must(t, "TwinsDue", err)
	want(t, "due", due, []store.Twin{twin})
	later := begin().Add(time.Minute)
	must(t, "PostponeTwin", s.PostponeTwin(t.Context(), "e2", later))
	due, next, err := s.TwinsDue(t.Context(), begin(), 9)
	if err != nil || len(due) > 0 || !next.Equal(later) {
		t.Errorf("postponed: due %v, next %v, %v", due, next, err)
	}
	must(t, "PostponeTwin", s.PostponeTwin(t.Context(), "e2", time.Time{}))
	due, next, err = s.TwinsDue(t.Context(), later, 9)
	if err != nil || len(due) > 0 || !next.IsZero() {
		t.Errorf("done with: due %v, next %v, %v", due, next, err)
	}
}

func testCancels(t *testing.T, s store.Store) {
	for n := range 3 {
		r := Waiting(n)
		r.State, r.Execution = runwith.StateRunning, fmt.Sprint("e", n)
		if n > 0 {
			r.CancelRequested, r.NotBefore = begin(), begin().Add(time.Duration(n-1)*time.Minute)
		}
		put(t, s, r)
	}
	due, next, err := s.Cancels(t.Context(), begin(), 9)
	must(t, "Cancels", err)
	want(t, "due", ids(due), []string{"id-001"})
	want(t, "next", next, begin().Add(time.Minute))
}

func testImport(t *testing.T, s store.Store) {
	if o, err := s.Origin(t.Context()); o != (store.Origin{Empty: true}) || err != nil {
		t.Errorf("Origin of an empty store = %+v, %v", o, err)
	}
	put(t, s, keyed(0, "k", "f"))
	known, sameKey, fresh := keyed(0, "other", "f"), keyed(1, "k", "f"), keyed(2, "k2", "f")
	known.Execution, sameKey.Execution, fresh.Execution = "e0", "e1", "e2"
	added, err := s.Import(t.Context(), []ledger.Record{known, sameKey, fresh})
	must(t, "Import", err)
	want(t, "added", ids(added), []string{"id-001", "id-002"})
	for key, id := range map[string]string{"k": "id-000", "k2": "id-002"} {
		if r, err := s.FindKey(t.Context(), "me", key); r.ID != id || err != nil {
			t.Errorf("key %s = %s, %v, want %s", key, r.ID, err, id)
		}
	}
	added, err = s.Import(t.Context(), []ledger.Record{fresh})
	if len(added) > 0 || err != nil {
		t.Errorf("Import again = %v, %v, want nothing", ids(added), err)
	}
	must(t, "Rebuilt", s.Rebuilt(t.Context()))
	if o, err := s.Origin(t.Context()); o != (store.Origin{}) || err != nil {
		t.Errorf("Origin of a store that was rebuilt = %+v, %v", o, err)
	}
}

func testExplain(t *testing.T, s store.Store) {
	failed, runs := Waiting(0), Waiting(1)
	failed.State, failed.Finished, failed.Error = runwith.StateFailed, begin(), &runwith.Failure{Code: "UNKNOWN", Message: "why"}
	runs.State, runs.Execution = runwith.StateRunning, "e"
	put(t, s, failed)
	put(t, s, runs)
	failed, runs = find(t, s, failed.ID), find(t, s, runs.ID)
	changed, leave := s.Subscribe(failed.ID)
	defer leave()
	reason := runwith.Failure{Code: "ABORTED", Message: "because", Task: new(1), Stderr: []string{"x"}, Tasks: []runwith.TaskFailure{{Task: 1, ExitCode: 2}}}
	for _, id := range []string{failed.ID, runs.ID, "missing"} {
		must(t, "Explain "+id, s.Explain(t.Context(), id, reason))
	}
	select {
	case <-changed:
	case <-time.After(10 * time.Second):
		t.Error("Explain: no change is announced")
	}
	failed.Error = &reason
	failed.Version++
	want(t, "the failed one", find(t, s, failed.ID), failed)
	want(t, "the one that runs", find(t, s, runs.ID), runs)
}

func testTidy(t *testing.T, s store.Store) {
	const day = 24 * time.Hour
	now := begin().Add(30 * day)
	ended := func(n int, finished time.Time) ledger.Record {
		r := Waiting(n)
		r.State, r.Finished = runwith.StateSucceeded, finished
		return r
	}
	watched := ended(3, begin())
	watched.WatchUntil = now
	fresh := ended(4, now.Add(-time.Hour))
	fresh.Key = "k" // lives although the record is old enough
	for _, r := range []ledger.Record{ended(0, begin()), ended(1, now.Add(-time.Minute)), Waiting(2), watched, fresh} {
		put(t, s, r)
	}
	_, err := s.AddTwin(t.Context(), store.Twin{Execution: "e", Invocation: "id-000", Found: begin()})
	must(t, "AddTwin", err)
	n, err := s.Tidy(t.Context(), now, 10*time.Minute, 9)
	if n != 1 || err != nil {
		t.Errorf("Tidy = %d, %v, want 1", n, err)
	}
	list, err := s.List(t.Context(), store.Query{Limit: 9})
	must(t, "List", err)
	want(t, "what is left", ids(list), []string{"id-004", "id-003", "id-002", "id-001"})
}
