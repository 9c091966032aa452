//go:build unix

package postgres

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/invoker/store/storetest"
)

const (
	// endedRows copies a row 5,000 times, with an end.
	endedRows = `INSERT INTO invocations SELECT copy.* FROM invocations AS one, generate_series(1, 5000) AS i,
		jsonb_populate_record(one, jsonb_build_object('id', 'ended-' || lpad(i::text, 6, '0'), 'state', 'succeeded',
			'finished', to_timestamp(i * 60))) AS copy`
	// sentDeliveries gives each of them two deliveries. One in 2,000 is pending.
	sentDeliveries = `INSERT INTO deliveries (id, invocation, job, principal, endpoint, url, lane, event, payload, state,
			attempts, created, next_attempt, lease, due, ended, last_status, last_error)
		SELECT id || event, id, job, '', 'docs', '', 'docs', event, '', CASE WHEN id LIKE '%1000' THEN 'pending' ELSE 'delivered' END,
			1, created, 'epoch', 'epoch', 'epoch', finished, 200, ''
		FROM invocations, unnest(ARRAY['started', 'ended']) AS event`
	setDeliveries = `UPDATE deliveries SET state = `
)

// TestPlansOfDeliveries checks which index each statement about deliveries reads. The plans are
// those of a time with few pending deliveries: a connection keeps them when there are many.
func TestPlansOfDeliveries(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	add(t, s, storetest.Waiting(0))
	fill(t, s, endedRows, sentDeliveries, `ANALYZE invocations, deliveries`)
	for name, test := range map[string]struct {
		query string
		args  []any
		index string
	}{
		"lease":      {leaseChosen, []any{at, []string{"a", "b"}, at}, "deliveries_id_key"},
		"tidy":       {oldRows, []any{0, at, at, at, 9, at, at, 9}, "deliveries_by_invocation"},
		"of budgets": {dropBudgetDeliveries, []any{at, 9}, "deliveries_of_budgets"},
	} {
		plan, err := genericPlan(t, s, &pgx.QueuedQuery{SQL: test.query, Arguments: test.args}, "COSTS OFF")
		if err != nil || !strings.Contains(plan, test.index+" ") || strings.Contains(plan, "deliveries_due") || strings.Contains(plan, "Seq Scan") {
			t.Errorf("%s: the plan has no %s, or reads all pending deliveries: %v\n%s", name, test.index, err, plan)
		}
	}
}

// fill executes statements.
func fill(t *testing.T, s *Store, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		if _, err := s.pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPlanOfLanes checks that each lane is read once, even if PostgreSQL expects few pending
// deliveries.
func TestPlanOfLanes(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	add(t, s, storetest.Waiting(0))
	fill(t, s, endedRows, sentDeliveries, setDeliveries+`'delivered'`, `ANALYZE deliveries`, setDeliveries+`'pending'`)
	plan, err := genericPlan(t, s, &pgx.QueuedQuery{SQL: allLanes()}, "ANALYZE, TIMING OFF, COSTS OFF")
	if read := rowsRead(t, plan); err != nil || read > 9 || read == 0 {
		t.Errorf("a step of the plan reads %d rows: %v\n%s", read, err, plan)
	}
}
