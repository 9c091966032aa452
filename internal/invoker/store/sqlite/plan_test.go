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
	startsOne(t, s, "me", nil)
	startsOne(t, s, ledger.OwnerOf("schedule/nightly"), &runwith.Source{Schedule: "nightly"})
	labels := map[string]string{"tenant": "acme", "n": "1"}
	own := &store.Visibility{Owner: "me", Jobs: []string{"report"}}
	running, failed := []runwith.State{runwith.StateRunning}, []runwith.State{runwith.StateFailed, runwith.StateUnresolved}
	for name, test := range map[string]struct {
		query store.Query
		index string
	}{
		"all":                  {store.Query{}, "sqlite_autoindex_invocations_1"},
		"in a time":            {store.Query{After: "a", Before: "x"}, "sqlite_autoindex_invocations_1 (id>? AND id<?)"},
		"of a job":             {store.Query{Job: "report"}, "invocations_by_job (job=?)"},
		"running":              {store.Query{States: running, Before: "x"}, "invocations_by_state (state=? AND id<?)"},
		"failed":               {store.Query{States: failed, Before: "x"}, "invocations_by_state (state=? AND id<?)"},
		"running of a job":     {store.Query{Job: "report", States: running}, "invocations_by_state (state=?)"},
		"failed of a job":      {store.Query{Job: "report", States: failed[:1]}, "invocations_ended_by_job (job=? AND state=?)"},
		"of a caller":          {store.Query{Owner: "me", After: "a"}, "invocations_by_owner (owner=? AND id>?)"},
		"of a caller's job":    {store.Query{Owner: "me", Job: "report"}, "invocations_by_owner_job (owner=? AND job=?)"},
		"failed of a caller":   {store.Query{Owner: "me", States: failed[:1]}, "invocations_ended_by_owner (owner=? AND job=? AND state=?)"},
		"of a source":          {store.Query{Source: "schedule/nightly", Before: "x"}, "invocations_by_owner (owner=? AND id<?)"},
		"failed of a source":   {store.Query{Source: "schedule/nightly", States: failed[:1]}, "invocations_ended_by_owner (owner=? AND job=? AND state=?)"},
		"of schedules":         {store.Query{Source: "schedule/"}, "invocations_by_owner (owner=?)"},
		"of schedules and job": {store.Query{Source: "schedule/", Job: "report"}, "invocations_by_owner_job (owner=? AND job=?)"},
		"unfinished":           {store.Query{Source: "schedule/nightly", Unfinished: true}, "invocations_unfinished (source=?)"},
		"reruns":               {store.Query{RerunOf: "x", Before: "y"}, "invocations_by_rerun (rerun_of=? AND id<?)"},
		"labelled":             {store.Query{Labels: labels, Before: "x"}, "(name=? AND value=? AND invocation<?)"},
		"labelled of a caller": {store.Query{Labels: labels, Owner: "me"}, "PRIMARY KEY (owner=? AND name=? AND value=?)"},
		"visible":              {store.Query{Visible: own, Before: "x"}, "(owner=? AND id<?)"},
		"visible, failed":      {store.Query{Visible: own, States: failed}, "invocations_ended_by_owner (owner=? AND job=? AND state=?)"},
		"visible, labelled":    {store.Query{Visible: own, Labels: labels, States: failed}, "PRIMARY KEY (owner=? AND name=? AND value=?)"},
		"visible reruns":       {store.Query{RerunOf: "x", Visible: own, States: failed}, "invocations_by_rerun (rerun_of=?)"},
	} {
		plans := plansOf(t, s, test.query)
		if !strings.Contains(plans, test.index) {
			t.Errorf("%s: no plan has %s:\n%s", name, test.index, plans)
		}
		sorts, scans := strings.Contains(plans, "TEMP B-TREE"), strings.Contains(strings.ReplaceAll(plans, "SCAN json_each", ""), "SCAN")
		if sorts || scans && name != "all" {
			t.Errorf("%s: a plan sorts or reads all rows:\n%s", name, plans)
		}
	}
}

// TestLiveRowsAreReadOnce checks that a list of waiting rows reads them once, however many jobs and
// sources it may show.
func TestLiveRowsAreReadOnce(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	for _, name := range []string{"nightly", "weekly"} {
		startsOne(t, s, ledger.OwnerOf("schedule/"+name), &runwith.Source{Schedule: name})
	}
	q := store.Query{Source: "schedule/", States: []runwith.State{runwith.StateQueued}, Visible: &store.Visibility{Owner: "me", Jobs: []string{"a", "b"}}, Limit: 20}
	if all := branchesOf(t, s, q); len(all) != 1 {
		t.Errorf("%d statements read all waiting rows, want 1: %+v", len(all), all)
	}
	if plans := plansOf(t, s, q); !strings.Contains(plans, "invocations_by_state (state=?") {
		t.Errorf("the rows are not read in the index of states:\n%s", plans)
	}
}

// startsOne adds a row that an owner has started.
func startsOne(t *testing.T, s *Store, owner string, source *runwith.Source) {
	t.Helper()
	now := ledger.Stored(time.Now())
	r := ledger.Record{
		Invocation: runwith.Invocation{ID: "id-" + owner, Job: "report", State: runwith.StateAccepted, Created: now, Source: source},
		Version:    1, Target: "report", Owner: owner, Checked: true,
	}
	if _, err := s.Import(t.Context(), []ledger.Record{r}); err != nil {
		t.Fatal(err)
	}
}

// plansOf returns how SQLite executes the statements of a list.
func plansOf(t *testing.T, s *Store, q store.Query) string {
	t.Helper()
	var plans []string
	for _, b := range branchesOf(t, s, q) {
		query, args := b.rows(`SELECT id FROM invocations`, q)
		plans = append(plans, planOf(t, s, query, args...))
		for name := range q.Labels {
			query, args := b.labelled(name, q)
			plans = append(plans, planOf(t, s, query, args...))
		}
	}
	return strings.Join(plans, "\n")
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
		nextDue,
		dueLanes,
		`SELECT ` + deliveryColumns + ` FROM deliveries INDEXED BY deliveries_due WHERE lane = 'x' AND state = 'pending' AND due <= 1 ORDER BY due, seq LIMIT 9`,
		`SELECT ` + deliveryColumns + ` FROM deliveries WHERE invocation = 'x' ORDER BY seq DESC LIMIT 9`,
		`SELECT ` + deliveryColumns + ` FROM deliveries WHERE state = 'failed' ORDER BY seq DESC LIMIT 9`,
		`SELECT ` + deliveryColumns + ` FROM deliveries WHERE endpoint = 'x' ORDER BY seq DESC LIMIT 9`,
	} {
		plan := planOf(t, s, strings.ReplaceAll(query, "?1", "1"))
		if strings.Contains(plan, "TEMP B-TREE") || strings.Contains(plan, "SCAN deliveries") {
			t.Errorf("%s\n%s", query, plan)
		}
	}
}

// TestStatementsReadIndexes checks that a statement reads the rows that it needs, however many others
// there are.
func TestStatementsReadIndexes(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	pending, args := deliveriesBy(store.DeliveryQuery{Endpoint: "x", Lane: "x", State: ledger.DeliveryPending, Before: "x"})
	for name, test := range map[string]struct {
		query string
		args  int
		want  string
	}{
		"old invocations": {selectOld, 9, "SEARCH deliveries USING INDEX deliveries_by_invocation (invocation=?)"},
		"ended later":     {selectOld, 9, "invocations_ended (keep=? AND finished>? AND finished<?)"},
		"an old one":      {selectRecord + ` WHERE ` + isOld + ` AND id = ?8`, 8, "sqlite_autoindex_invocations_1 (id=?)"},
		"first held":      {firstHeld + ` AND asleep = 1`, 1, "invocations_held (budget=? AND asleep=?)"},
		"waiting slots":   {countWaiting, 2, "INDEX invocations_waiting_slots (slot=?)"},
		"held slots":      {countHeld, 1, "INDEX invocations_held_slots (slot=?)"},
		"ready of a job":  {readyOf, 3, "INDEX invocations_ready (job=?)"},
		"held ahead":      {heldAhead, 4, "invocations_held (budget=? AND asleep=? AND id<?)"},
		"old deliveries":  {removeOldest, 2, "COVERING INDEX deliveries_by_invocation (invocation=?)"},
		"settled events":  {dropSettled, 2, "INDEX refused_events_settled (trigger_name=? AND id<?)"},
		"waiting events":  {dropWaiting, 2, "INDEX refused_events_waiting (trigger_name=? AND id<?)"},
		"deliveries":      {pending, len(args), "deliveries_by_endpoint_state (endpoint=? AND state=? AND seq<?)"},
	} {
		plan := planOf(t, s, test.query, make([]any, test.args)...)
		if !strings.Contains(plan, test.want) {
			t.Errorf("%s: the plan lacks %s:\n%s", name, test.want, plan)
		}
		if strings.Contains(strings.ReplaceAll(plan, "SCAN (subquery", ""), "SCAN") || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s: the plan sorts or reads all rows:\n%s", name, plan)
		}
	}
}

// TestUsageByLabelReadsSums checks that a sum by label does not read usage_labels, whose key begins
// with the label: it would read all rows of the label for each sum.
func TestUsageByLabelReadsSums(t *testing.T) {
	t.Parallel()
	query, args := usageStatement(store.UsageQuery{Month: 202603, By: store.ByLabel, Label: "tenant"})
	plan := planOf(t, openEmpty(t), query, args...)
	if !strings.HasPrefix(plan, "SEARCH u USING INDEX sqlite_autoindex_usage_1 (month=?)") || strings.Count(plan, "SEARCH") > 1 {
		t.Errorf("the plan reads more than the sums of the month:\n%s", plan)
	}
}

// TestOutstandingReadsAnIndex checks that live rows are counted in an index, without the rows themselves.
func TestOutstandingReadsAnIndex(t *testing.T) {
	t.Parallel()
	plan := planOf(t, openEmpty(t), countOutstanding)
	if !strings.Contains(plan, "COVERING INDEX invocations_outstanding") || strings.Contains(plan, "TEMP B-TREE") {
		t.Errorf("the plan reads rows or sorts:\n%s", plan)
	}
}
