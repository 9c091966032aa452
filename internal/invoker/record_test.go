package invoker

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
)

var states = []runwith.State{
	runwith.StateAccepted, runwith.StateStarting, runwith.StateRunning, runwith.StateSucceeded,
	runwith.StateFailed, runwith.StateCancelled, runwith.StateRefused, runwith.StateUnresolved,
}

func testStore(t *testing.T) *store {
	t.Helper()
	s, err := openStore(t.Context(), filepath.Join(t.TempDir(), "invoker.db"), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// put stores a record in any state.
func put(t *testing.T, s *store, id string, state runwith.State) record {
	t.Helper()
	r := record{Invocation: runwith.Invocation{ID: id, Job: "report", State: state}, version: 1, overrides: []byte{}}
	if err := s.accept(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestTransitions tries every pair of states on the disk.
func TestTransitions(t *testing.T) {
	t.Parallel()
	want := map[runwith.State][]runwith.State{
		"accepted": {"accepted", "starting", "refused"},
		"starting": {"accepted", "running", "refused", "unresolved"},
		"running":  {"running", "succeeded", "failed", "cancelled", "unresolved"},
	}
	s := testStore(t)
	for _, from := range states {
		for _, to := range states {
			r := put(t, s, string(from+" to "+to), from)
			next := r
			next.State = to
			_, err := s.move(t.Context(), r, next)
			if allowed := slices.Contains(want[from], to); allowed != (err == nil) || !allowed && !errors.Is(err, errStale) {
				t.Errorf("move from %s to %s = %v, allowed %v", from, to, err, allowed)
			}
			if found, _ := s.find(t.Context(), r.ID); err != nil && found.State != from {
				t.Errorf("after a move from %s to %s that failed the state is %s", from, to, found.State)
			}
		}
		if from.Terminal() && len(edges[from]) > 0 {
			t.Errorf("%s is terminal and leads to %v", from, edges[from])
		}
	}
}

func TestMoveIsCompareAndSet(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	r := put(t, s, "a", runwith.StateStarting)
	running := r
	running.State, running.Execution = runwith.StateRunning, "e1"
	moved, err := s.move(t.Context(), r, running)
	if err != nil {
		t.Fatalf("move = %v", err)
	}
	if _, err := s.move(t.Context(), r, running); !errors.Is(err, errStale) {
		t.Errorf("the same move again = %v, want %v", err, errStale)
	}
	other := moved
	other.Execution = "e2"
	if _, err := s.move(t.Context(), moved, other); !errors.Is(err, errStale) {
		t.Errorf("move to another execution = %v, want %v", err, errStale)
	}
	stale := moved
	stale.version--
	if _, err := s.move(t.Context(), stale, moved); !errors.Is(err, errStale) {
		t.Errorf("move from an old version = %v, want %v", err, errStale)
	}
}

func TestRecordRoundTrip(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	at := time.Date(2026, 3, 1, 10, 0, 0, 123456000, time.UTC)
	want := record{
		Invocation: runwith.Invocation{
			ID: "a", Job: "report", State: runwith.StateFailed, Execution: "e", Attempts: 2,
			Created: at, Started: at.Add(1 * time.Second), Finished: at.Add(2 * time.Second),
			Counts: runwith.Counts{Tasks: 1, Running: 2, Succeeded: 3, Failed: 4, Cancelled: 5, Retried: 6},
			Error:  &runwith.Failure{Code: "UNKNOWN", Message: "why"},
		},
		version: 7, overrides: []byte{1}, checked: true, notBefore: at.Add(3 * time.Second), lease: at.Add(4 * time.Second), postponed: 8,
	}
	if err := s.accept(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	got, err := s.find(t.Context(), "a")
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(record{})); diff != "" || err != nil {
		t.Errorf("find() = %v (-want +got):\n%s", err, diff)
	}
}

func TestTakeIsInOrderAndOnce(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for id, notBefore := range map[string]time.Time{
		"c": now.Add(-3 * time.Second), "a": now.Add(-2 * time.Second), "b": now, "later": now.Add(time.Second),
	} {
		r := record{Invocation: runwith.Invocation{ID: id, Job: "report", State: runwith.StateAccepted}, version: 1,
			overrides: []byte{}, checked: id != "a", notBefore: notBefore}
		if err := s.accept(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	type row struct {
		ID       string
		State    runwith.State
		Attempts int
	}
	take := func(now time.Time, limit int) (rows []row) {
		taken, err := s.take(t.Context(), now, now.Add(time.Minute), limit)
		if err != nil {
			t.Fatalf("take() = %v", err)
		}
		for _, r := range taken {
			rows = append(rows, row{r.ID, r.State, r.Attempts})
		}
		return rows
	}
	if diff := cmp.Diff([]row{{"c", "starting", 1}, {"a", "accepted", 0}}, take(now, 2)); diff != "" {
		t.Errorf("first take (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]row{{"b", "starting", 1}}, take(now, 2)); diff != "" {
		t.Errorf("second take (-want +got):\n%s", diff)
	}
	if got := take(now, 2); got != nil {
		t.Errorf("third take = %v, want nothing", got)
	}
	if due, found, err := s.nextDue(t.Context(), now); !due.Equal(now.Add(time.Second)) || !found || err != nil {
		t.Errorf("nextDue() = %v, %v, %v, want %v", due, found, err, now.Add(time.Second))
	}
	// A lease that nobody gave back ends; a row that is starting is never taken again.
	if diff := cmp.Diff([]row{{"a", "accepted", 0}, {"later", "starting", 1}}, take(now.Add(time.Hour), 9)); diff != "" {
		t.Errorf("take after the lease (-want +got):\n%s", diff)
	}
}
