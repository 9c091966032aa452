package storetest

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

var stateSet = regexp.MustCompile(`\bstate (?:NOT )?IN \([^)]*\)`)

// In returns the condition that a row is in one of the states, as SQL of a store spells it.
func In(states []runwith.State) string {
	quoted := make([]string, len(states))
	for n, s := range states {
		quoted[n] = "'" + string(s) + "'"
	}
	return "state IN (" + strings.Join(quoted, ", ") + ")"
}

// RunStates checks the sets of states that the files of a store spell in SQL: each is one of the
// ledger's, because the ledger's edges decide which states are alike. Partial indexes also need the
// same spelling in each statement.
func RunStates(t *testing.T, store fs.FS, files ...string) {
	t.Helper()
	sets := []string{In(ledger.Waiting()), In(ledger.Holding()), In(ledger.Outstanding()), In(ledger.Terminal())}
	found := map[string]bool{}
	for _, pattern := range files {
		names, err := fs.Glob(store, pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("no file %s: %v", pattern, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := fs.ReadFile(store, name)
			if err != nil {
				t.Fatal(err)
			}
			for _, set := range stateSet.FindAllString(string(text), -1) {
				if found[set] = true; !slices.Contains(sets, set) {
					t.Errorf("%s: %s is not a set of the ledger's; these are %s", name, set, strings.Join(sets, " and "))
				}
			}
		}
	}
	if len(found) == 0 {
		t.Error("found no set of states")
	}
}

// testStates puts a row in each state, each with a slot of its own. The store takes the waiting
// ones, and counts the holding ones against their slots.
func testStates(t *testing.T, s store.Store) {
	accept := func(n int, state runwith.State, slot runwith.State) {
		r := Waiting(n)
		r.State, r.Slot, r.SlotLimit = state, string(slot), 1
		if state.Terminal() {
			r.Finished = r.Created
		}
		if _, err := s.Accept(t.Context(), r, ledger.Admission{Now: r.Created}); err != nil {
			t.Fatal(err)
		}
	}
	take := func() (slots []runwith.State) {
		taken, err := s.Take(t.Context(), ledger.Take{Now: begin(), Call: time.Minute, Limit: 99, Runs: "runs"})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range taken.Records {
			slots = append(slots, runwith.State(r.Slot))
		}
		return slots
	}
	for n, state := range ledger.States() {
		accept(n, state, state)
	}
	counted, err := s.Outstanding(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	taken := take()
	for n, state := range ledger.States() {
		accept(50+n, runwith.StateAccepted, state)
	}
	behind := take()
	for _, state := range ledger.States() {
		waits, holds := slices.Contains(ledger.Waiting(), state), slices.Contains(ledger.Holding(), state)
		if got := slices.Contains(taken, state); got != waits {
			t.Errorf("%s: taken = %v, want %v", state, got, waits)
		}
		if got, free := slices.Contains(behind, state), !waits && !holds; got != free {
			t.Errorf("%s: another one of its key is taken = %v, want %v", state, got, free)
		}
		if got := counted[state] > 0; got != slices.Contains(ledger.Outstanding(), state) {
			t.Errorf("%s: counted as outstanding = %v, want %v", state, got, !got)
		}
	}
}
