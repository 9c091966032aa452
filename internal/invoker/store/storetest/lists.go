package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// testEveryList compares lists by many combinations of filters with the rows that they select. It
// reads each list in pages of three.
func testEveryList(t *testing.T, s store.Store) {
	rows := mixture(t, s)
	random := rand.New(rand.NewPCG(1, 2))
	found := 0
	for range 600 {
		q := randomQuery(random)
		var expected []string
		for _, r := range slices.Backward(rows) {
			if selects(q, r) {
				expected = append(expected, r.ID)
			}
		}
		found += len(expected)
		want(t, fmt.Sprintf("rows of %+v, visible %+v", q, q.Visible), pages(t, s, q), append([]string{}, expected...))
	}
	if found < 1000 {
		t.Errorf("all lists have %d rows, want more", found)
	}
}

// pages reads a list in pages of three.
func pages(t *testing.T, s store.Store, q store.Query) []string {
	t.Helper()
	all := []string{}
	for q.Limit = 3; ; q.Before = all[len(all)-1] {
		page, err := s.List(t.Context(), q)
		must(t, "List", err)
		all = append(all, ids(page)...)
		if len(page) < q.Limit {
			return all
		}
	}
}

// mixture adds rows in all states, some of which have got there by moves. It returns them oldest
// first.
func mixture(t *testing.T, s store.Store) (rows []ledger.Record) {
	t.Helper()
	sources := []*runwith.Source{nil, nil, nil, {Schedule: "nightly", Slot: begin()}, {Schedule: "hourly", Slot: begin()}, {Trigger: "uploads", Event: "1"}}
	random := rand.New(rand.NewPCG(3, 4))
	for n := range 150 {
		r := Waiting(n)
		r.Owner = pick(random, "me", "me", "you", "they")
		r = startedBy(r, sources[random.IntN(len(sources))])
		r.Job = pick(random, "report", "report", "report", "other", "third")
		r.Labels = map[string]string{"tenant": pick(random, "acme", "acme", "globex"), "n": pick(random, "1", "2")}
		if random.IntN(4) == 0 {
			r.Labels = nil
		}
		if random.IntN(8) == 0 {
			r.RerunOf = "id-000"
		}
		r.State = ledger.States()[random.IntN(len(ledger.States()))]
		if r.State.Terminal() || r.State == runwith.StateUnresolved && random.IntN(2) == 0 {
			r.Finished = begin()
		}
		r = put(t, s, r)
		if r.Finished.IsZero() && random.IntN(2) == 0 {
			r = onward(t, s, r)
		}
		rows = append(rows, r)
	}
	return rows
}

// onward moves a row into each state that follows, until it ends or cannot go on.
func onward(t *testing.T, s store.Store, r ledger.Record) ledger.Record {
	t.Helper()
	next := map[runwith.State]runwith.State{
		runwith.StateAccepted: runwith.StateStarting, runwith.StateQueued: runwith.StateCancelled, runwith.StateStarting: runwith.StateRunning,
		runwith.StateUnresolved: runwith.StateRunning, runwith.StateRunning: runwith.StateFailed,
	}
	for next[r.State] != "" {
		to := r
		if to.State = next[r.State]; to.State.Terminal() {
			to.Finished = begin()
		}
		moved, err := s.Move(t.Context(), ledger.Move{From: r, To: to})
		must(t, fmt.Sprintf("%s to %s", r.State, to.State), err)
		r = moved
	}
	return r
}

func pick(random *rand.Rand, texts ...string) string { return texts[random.IntN(len(texts))] }

// randomQuery returns a query that has each filter sometimes.
func randomQuery(random *rand.Rand) (q store.Query) {
	sometimes := func() bool { return random.IntN(3) == 0 }
	if sometimes() {
		q.Job = pick(random, "report", "other", "none")
	}
	if sometimes() {
		q.Owner = pick(random, "me", "you", "none", ledger.OwnerOf("schedule/nightly"))
	}
	if sometimes() {
		q.Source = pick(random, "schedule/nightly", "trigger/uploads", "schedule/", "trigger/", "schedule/none")
	}
	for range random.IntN(4) {
		q.States = append(q.States, ledger.States()[random.IntN(len(ledger.States()))])
	}
	q.Labels = []map[string]string{nil, nil, {"tenant": "acme"}, {"tenant": "globex", "n": "1"}, {"tenant": "none"}}[random.IntN(5)]
	q.Visible = []*store.Visibility{nil, nil, {Owner: "me"}, {Jobs: []string{"report"}}, {Owner: "you", Jobs: []string{"other", "third"}}}[random.IntN(5)]
	q.Unfinished = random.IntN(6) == 0
	if random.IntN(8) == 0 {
		q.RerunOf = "id-000"
	}
	if sometimes() {
		q.Before = fmt.Sprintf("id-%03d", random.IntN(150))
	}
	if sometimes() {
		q.After = fmt.Sprintf("id-%03d", random.IntN(150))
	}
	return q
}

// selects reports whether a query selects a row.
func selects(q store.Query, r ledger.Record) bool {
	for name, value := range q.Labels {
		if got, has := r.Labels[name]; !has || got != value {
			return false
		}
	}
	for _, is := range []struct{ wanted, got string }{{q.Job, r.Job}, {q.Owner, r.Owner}, {q.RerunOf, r.RerunOf}} {
		if is.wanted != "" && is.wanted != is.got {
			return false
		}
	}
	return visible(q.Visible, r) && between(q, r.ID) && (q.Source == "" || ledger.SourceIs(ledger.SourceName(r.Source), q.Source)) &&
		(len(q.States) == 0 || slices.Contains(q.States, r.State)) && (!q.Unfinished || r.Finished.IsZero())
}

func visible(v *store.Visibility, r ledger.Record) bool {
	return v == nil || v.Owner != "" && v.Owner == r.Owner || slices.Contains(v.Jobs, r.Job)
}

func between(q store.Query, id string) bool {
	return (q.Before == "" || id < q.Before) && (q.After == "" || id > q.After)
}
