//go:build unix

package postgres

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/store/storetest"
)

const (
	// manyRows copies a row 20,000 times, for four jobs and three callers. A schedule has started an
	// eighth. Job 0 has failed only in the oldest ten.
	manyRows = `INSERT INTO invocations SELECT copy.* FROM invocations AS one, generate_series(1, 20000) AS i,
		jsonb_populate_record(one, jsonb_build_object('id', 'many-' || lpad(i::text, 6, '0'), 'job', 'job-' || i % 4,
			'owner', CASE WHEN i % 8 = 1 THEN $1 ELSE 'caller-' || i % 3 END, 'source', CASE WHEN i % 8 = 1 THEN 'schedule/nightly' ELSE '' END,
			'state', CASE WHEN i % 4 > 0 AND i % 5 = 0 OR i <= 40 THEN 'failed' ELSE 'succeeded' END, 'finished', now())) AS copy`
	// manyLabels gives one label to all of them, and another to 20.
	manyLabels = `INSERT INTO labels SELECT owner, name, 'x', id, 0 FROM invocations, unnest(ARRAY['all', 'few']) AS name
		WHERE name = 'all' OR id LIKE '%000'`
)

// TestPlansOfLists checks which index each list reads among many rows, and that it reads few rows.
func TestPlansOfLists(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	add(t, s, storetest.Waiting(0))
	for _, statement := range []struct {
		sql  string
		args []any
	}{{manyRows, []any{ledger.OwnerOf("schedule/nightly")}}, {manyLabels, nil}, {`ANALYZE invocations, labels`, nil}} {
		if _, err := s.pool.Exec(t.Context(), statement.sql, statement.args...); err != nil {
			t.Fatal(err)
		}
	}
	failed, unsuccessful := []runwith.State{runwith.StateFailed}, []runwith.State{runwith.StateFailed, runwith.StateUnresolved}
	own := &store.Visibility{Owner: "caller-1", Jobs: []string{"job-0"}}
	for name, test := range map[string]struct {
		query store.Query
		index string
	}{
		"all":                   {store.Query{}, "invocations_pkey"},
		"in a time":             {store.Query{After: "many-001", Before: "many-0011"}, "invocations_pkey"},
		"of a job":              {store.Query{Job: "job-0"}, "invocations_by_job"},
		"failed":                {store.Query{States: failed}, "invocations_by_state"},
		"unsuccessful of a job": {store.Query{Job: "job-0", States: unsuccessful}, "invocations_ended_by_job"},
		"of a caller":           {store.Query{Owner: "caller-1"}, "invocations_by_owner"},
		"of a caller's job":     {store.Query{Owner: "caller-1", Job: "job-0"}, "invocations_by_owner_job"},
		"failed of a caller":    {store.Query{Owner: "caller-1", States: failed}, "invocations_ended_by_owner"},
		"of a source":           {store.Query{Source: "schedule/nightly"}, "invocations_by_owner"},
		"failed of a source":    {store.Query{Source: "schedule/nightly", States: failed}, "invocations_ended_by_owner"},
		"of schedules":          {store.Query{Source: "schedule/"}, "invocations_by_owner"},
		"of another source":     {store.Query{Source: "schedule/", Owner: "caller-1"}, "invocations_by_owner"},
		"unfinished":            {store.Query{Source: "schedule/nightly", Unfinished: true}, "invocations_unfinished"},
		"of a trigger's jobs":   {store.EventQuery{Trigger: "nightly", Jobs: []string{"job-0"}}.Invocations(), "invocations_by_owner_job"},
		"of triggers and jobs":  {store.EventQuery{Jobs: []string{"job-0", "job-2"}}.Invocations(), "invocations_by_owner_job"},
		"reruns":                {store.Query{RerunOf: "x"}, "invocations_by_rerun"},
		"labelled":              {store.Query{Labels: map[string]string{"all": "x"}}, "labels_by_value"},
		"labelled twice":        {store.Query{Labels: map[string]string{"all": "x", "few": "x"}}, "labels_by_value"},
		"labelled of a caller":  {store.Query{Labels: map[string]string{"all": "x"}, Owner: "caller-1"}, "labels_pkey"},
		"labelled and failed":   {store.Query{Labels: map[string]string{"all": "x"}, Job: "job-0", States: failed}, "invocations_ended_by_job"},
		"visible":               {store.Query{Visible: own}, "invocations_by_owner"},
		"visible and failed":    {store.Query{Visible: own, States: failed}, "invocations_ended_by_owner"},
	} {
		test.query.Limit = 20
		label := labelOf(t, s, test.query)
		query, args := listBy(test.query, label)
		plan, err := genericPlan(t, s, &pgx.QueuedQuery{SQL: query, Arguments: args}, "ANALYZE, TIMING OFF, COSTS OFF")
		if err != nil || !strings.Contains(plan, test.index+" ") || strings.Contains(plan, "Seq Scan") {
			t.Errorf("%s: the plan has no %s, or reads a whole table: %v\n%s", name, test.index, err, plan)
		}
		if read := rowsRead(t, plan); read > 200 {
			t.Errorf("%s: a step of the plan reads %d rows:\n%s", name, read, plan)
		}
	}
}

// labelOf returns the label whose rows a list reads.
func labelOf(t *testing.T, s *Store, q store.Query) (label string) {
	t.Helper()
	err := s.ask(t.Context(), "choose a label", func(t tx) (err error) {
		label, err = rarest(t, q)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return label
}

// rowsRead returns the most rows that a step of a plan has read.
func rowsRead(t *testing.T, plan string) (most int) {
	t.Helper()
	for _, found := range regexp.MustCompile(`(?:actual rows=|Rows Removed by [A-Za-z ]*Filter: )(\d+)`).FindAllStringSubmatch(plan, -1) {
		n, err := strconv.Atoi(found[1])
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, n)
	}
	return most
}
