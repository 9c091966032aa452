package sqlite

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/sqlite"
)

func openEmpty(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "invoker.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestListsReadIndexes checks that a page costs as much as its rows, however many rows others
// have: each branch is a range of an index that has the order of the page.
func TestListsReadIndexes(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	labels := map[string]string{"tenant": "acme", "n": "1"}
	own := &store.Visibility{Owner: "me", Jobs: []string{"report"}}
	for name, q := range map[string]store.Query{
		"all":               {},
		"of a job":          {Job: "report"},
		"in a state":        {States: []runwith.State{runwith.StateFailed, runwith.StateQueued}, Before: "x"},
		"with labels":       {Labels: labels, Before: "x"},
		"visible":           {Visible: own, Before: "x"},
		"visible, labelled": {Visible: own, Labels: labels, States: []runwith.State{runwith.StateFailed, runwith.StateQueued}},
		"of a source":       {Source: "schedule/nightly", Before: "x"},
		"unfinished":        {Source: "schedule/nightly", Unfinished: true},
		"visible source":    {Visible: own, Source: "schedule/nightly", States: []runwith.State{runwith.StateRunning}},
		"labelled source":   {Labels: labels, Source: "schedule/nightly", Unfinished: true},
		"in a time":         {After: "a", Before: "x"},
		"of a caller":       {Owner: "me", After: "a"},
		"of a job's caller": {Owner: "me", Job: "report"},
		"visible caller":    {Owner: "you", Visible: own},
		"reruns":            {RerunOf: "x", Before: "y"},
		"visible reruns":    {RerunOf: "x", Visible: own, States: []runwith.State{runwith.StateFailed}},
		"visible, running":  {Visible: own, States: []runwith.State{runwith.StateRunning}},
	} {
		for _, b := range branchesOf(t, s, q) {
			query, args := b.ids(q)
			plan := planOf(t, s, query, args...)
			if strings.Contains(plan, "TEMP B-TREE") || strings.Contains(plan, "SCAN") && name != "all" {
				t.Errorf("%s, branch %+v: %s\n%s", name, b, query, plan)
			}
		}
	}
}

func branchesOf(t *testing.T, s *Store, q store.Query) (all []branch) {
	t.Helper()
	err := s.db.Read(t.Context(), func(tx *sqlite.Tx) (err error) {
		all, err = branches(tx, q)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// planOf returns how SQLite executes a statement.
func planOf(t *testing.T, s *Store, query string, args ...any) string {
	t.Helper()
	var steps []string
	err := s.db.Read(t.Context(), func(tx *sqlite.Tx) error {
		for row, err := range tx.Query(`EXPLAIN QUERY PLAN `+query, args...) {
			if err != nil {
				return err
			}
			var id, parent, unused int
			var detail string
			if err := row.Scan(&id, &parent, &unused, &detail); err != nil {
				return err
			}
			steps = append(steps, detail)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("plan of %s = %v", query, err)
	}
	return strings.Join(steps, "\n")
}

// TestManyBehindASlot checks that Take looks once at what waits behind a slot, and never at
// what was accepted while the slot was taken.
func TestManyBehindASlot(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	now := ledger.Stored(time.Now())
	rows := make([]ledger.Record, 2000)
	for n := range rows {
		rows[n] = ledger.Record{
			Invocation: runwith.Invocation{ID: fmt.Sprintf("id-%06d", n), Job: "report", State: runwith.StateAccepted, Created: now},
			Version:    1, Target: "report", Slot: "key", SlotLimit: 1, Checked: true,
		}
	}
	if _, err := s.Import(t.Context(), rows[1:]); err != nil {
		t.Fatal(err)
	}
	other := rows[0]
	other.ID, other.Slot = "id-999999", ""
	if _, err := s.Import(t.Context(), []ledger.Record{other}); err != nil {
		t.Fatal(err)
	}
	taken := map[string]bool{}
	for range 6 {
		some, err := s.Take(t.Context(), ledger.Take{Now: now, Call: time.Minute, Limit: 16, Runs: "runs"})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range some.Records {
			taken[r.ID] = true
		}
		if some.Next.IsZero() {
			break
		}
	}
	if len(taken) != 2 || !taken["id-000001"] || !taken["id-999999"] {
		t.Errorf("taken = %v, want the first of the key and the one behind all of them", taken)
	}
	ready := func() (n int) {
		err := s.db.Read(t.Context(), func(tx *sqlite.Tx) error {
			return tx.QueryRow(`SELECT count(*) FROM invocations WHERE ` + isReady).Scan(&n)
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := ready(); n != 0 {
		t.Errorf("%d rows are looked at by each Take, want none", n)
	}
	last := rows[0]
	last.ID = "id-900000"
	if _, err := s.Accept(t.Context(), last, ledger.Admission{Now: now}); err != nil {
		t.Fatal(err)
	}
	if n := ready(); n != 0 {
		t.Errorf("%d rows are looked at by each Take after another was accepted, want none", n)
	}
}

// TestOldDeliveriesCostNothing checks that the queries of the outbox read the indexes of
// pending deliveries alone.
func TestOldDeliveriesCostNothing(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	for _, query := range []string{
		allLanes + ` SELECT lane FROM lanes`,
		`SELECT ` + deliveryColumns + ` FROM deliveries INDEXED BY deliveries_due WHERE lane = 'x' AND state = 'pending' AND due <= 1 ORDER BY due, seq LIMIT 9`,
		`SELECT min(due) FROM deliveries INDEXED BY deliveries_due WHERE lane = 'x' AND state = 'pending' AND due > 1`,
		`SELECT ` + deliveryColumns + ` FROM deliveries WHERE invocation = 'x' ORDER BY seq DESC LIMIT 9`,
		`SELECT ` + deliveryColumns + ` FROM deliveries WHERE state = 'failed' ORDER BY seq DESC LIMIT 9`,
		`SELECT ` + deliveryColumns + ` FROM deliveries WHERE endpoint = 'x' ORDER BY seq DESC LIMIT 9`,
	} {
		plan := planOf(t, s, query)
		if strings.Contains(plan, "TEMP B-TREE") || strings.Contains(plan, "SCAN deliveries") {
			t.Errorf("%s\n%s", query, plan)
		}
	}
}
