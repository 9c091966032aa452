package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// testHistory checks that each change of a state is stored with the move, and the wait before it.
func testHistory(t *testing.T, s store.Store) {
	for n := range 2 {
		r := Waiting(n)
		r.Slot, r.SlotLimit = "key", 1
		put(t, s, r)
	}
	before := time.Now().Add(-time.Millisecond)
	take := ledger.Take{Now: begin(), Call: time.Minute, Limit: 9, Runs: "runs"}
	taken, err := s.Take(t.Context(), take)
	must(t, "Take", err)
	want(t, "taken", ids(taken.Records), []string{"id-000"})
	move(t, s, "id-000", func(r ledger.Record) ledger.Record { return r.Cancelled(begin(), nil) })
	taken, err = s.Take(t.Context(), take)
	must(t, "Take again", err)
	want(t, "taken then", ids(taken.Records), []string{"id-001"})
	want(t, "first", stepsOf(find(t, s, "id-000")), []string{"accepted", "starting", "cancelled"})
	second := find(t, s, "id-001")
	want(t, "second", stepsOf(second), []string{"accepted", "queued", "starting after slot"})
	steps := second.Steps()
	want(t, "the acceptance", steps[0].At, begin())
	want(t, "written by the store's clock", steps[2].At.After(before) && steps[2].At.Before(time.Now().Add(time.Millisecond)), true)

	lost := ledger.Rebuilt(ledger.Bearer{ID: "id-009", Target: "report", Job: "report", Execution: "e", Created: begin(), Status: ledger.Status{
		State: runwith.StateSucceeded, Started: begin().Add(time.Second), Finished: begin().Add(time.Minute),
	}}, begin(), time.Minute)
	_, err = s.Import(t.Context(), []ledger.Record{lost})
	must(t, "Import", err)
	want(t, "rebuilt", stepsOf(find(t, s, "id-009")), []string{"accepted", "running", "succeeded"})
}

func stepsOf(r ledger.Record) (all []string) {
	for _, s := range r.Steps() {
		text := string(s.State)
		if s.For != "" {
			text = fmt.Sprintf("%s after %s", text, s.For)
		}
		all = append(all, text)
	}
	return all
}
