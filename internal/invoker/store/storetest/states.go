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
func RunStates(t *testing.T, source fs.FS, files ...string) {
	t.Helper()
	sets := []string{In(ledger.Waiting()), In(ledger.Holding()), In(ledger.Outstanding()), In(ledger.Terminal())}
	found := 0
	for _, pattern := range files {
		names, err := fs.Glob(source, pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("no file %s: %v", pattern, err)
		}
		for _, name := range names {
			for _, set := range setsIn(t, source, name) {
				if found++; !slices.Contains(sets, set) {
					t.Errorf("%s: %s is not a set of the ledger's; these are %s", name, set, strings.Join(sets, " and "))
				}
			}
		}
	}
	if found == 0 {
		t.Error("found no set of states")
	}
}

// setsIn returns the sets of states in a file that is no test.
func setsIn(t *testing.T, source fs.FS, name string) []string {
	t.Helper()
	if strings.HasSuffix(name, "_test.go") {
		return nil
	}
	text, err := fs.ReadFile(source, name)
	must(t, "ReadFile", err)
	return stateSet.FindAllString(string(text), -1)
}

// testStates puts a row in each state, each with a slot of its own. The store takes the waiting
// ones, and counts the holding ones against their slots.
func testStates(t *testing.T, s store.Store) {
	for n, state := range ledger.States() {
		acceptIn(t, s, n, state, state)
	}
	counted, err := s.Outstanding(t.Context())
	must(t, "Outstanding", err)
	taken := takeSlots(t, s)
	for n, state := range ledger.States() {
		acceptIn(t, s, 50+n, runwith.StateAccepted, state)
	}
	behind := takeSlots(t, s)
	for _, state := range ledger.States() {
		waits, holds := slices.Contains(ledger.Waiting(), state), slices.Contains(ledger.Holding(), state)
		want(t, string(state)+" is taken", slices.Contains(taken, state), waits)
		want(t, "another one of its key is taken beside "+string(state), slices.Contains(behind, state), !waits && !holds)
		want(t, string(state)+" is outstanding", counted[state] > 0, slices.Contains(ledger.Outstanding(), state))
	}
}

// acceptIn accepts a row in a state. Its slot is named for another state, or for the same one.
func acceptIn(t *testing.T, s store.Store, n int, state, slot runwith.State) {
	t.Helper()
	r := Waiting(n)
	r.State, r.Slot, r.SlotLimit = state, string(slot), 1
	if state.Terminal() {
		r.Finished = r.Created
	}
	_, err := s.Accept(t.Context(), r, ledger.Admission{Now: r.Created})
	must(t, "Accept", err)
}

// takeSlots takes all rows that may start, and returns their slots.
func takeSlots(t *testing.T, s store.Store) (slots []runwith.State) {
	t.Helper()
	taken, err := s.Take(t.Context(), ledger.Take{Now: begin(), Call: time.Minute, Limit: 99, Runs: "runs"})
	must(t, "Take", err)
	for _, r := range taken.Records {
		slots = append(slots, runwith.State(r.Slot))
	}
	return slots
}
