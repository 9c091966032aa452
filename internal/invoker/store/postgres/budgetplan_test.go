//go:build unix

package postgres

import (
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// TestPlansOfBudgets checks which index each statement about budgets and usage reads, and that none
// reads a whole table. So a budget costs as much as what counts in it. The tables are empty, as in
// [TestPlansOfTheQueue].
func TestPlansOfBudgets(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	of := func(fill func(*batch)) batch {
		var b batch
		fill(&b)
		return b
	}
	query, args := usageStatement(store.UsageQuery{Month: 202603, By: store.ByLabel, Label: "tenant"})
	for name, test := range map[string]struct {
		statements batch
		indexes    []string // of the statements, in order
	}{
		"all": {of(func(b *batch) { addUp(b, ledger.Share{Month: 202603}, new(ledger.Spent)) }),
			[]string{"invocations_reserving", "usage_sums_pkey"}},
		"of a job and a caller": {of(func(b *batch) {
			addUp(b, ledger.Share{Budget: ledger.Budget{Scope: ledger.Scope{Job: "report", Caller: "docs"}}, Month: 202603}, new(ledger.Spent))
		}), []string{"invocations_reserving", "usage_sums_pkey"}},
		"of a label": {of(func(b *batch) {
			addUp(b, ledger.Share{Budget: ledger.Budget{Scope: ledger.Scope{Label: "tenant", Value: "acme"}}, Month: 202603}, new(ledger.Spent))
		}), []string{"labels_reserving", "usage_sums_pkey"}},
		"wake":           {of(func(b *batch) { wakeFirst(b, "scope", 202603) }), []string{"invocations_held_awake"}},
		"wake, sleeping": {of(func(b *batch) { wakeFirst(b, "scope", 202603) }), []string{"invocations_held_asleep"}},
		"values":         {of(func(b *batch) { b.exec(usedValues, 202603, "tenant", 9) }), []string{"labels_reserving"}},
		"usage":          {of(func(b *batch) { b.exec(query, args...) }), []string{"usage_month_job_owner_day_labels_key"}},
		"unsettled": {of(func(b *batch) {
			b.exec(selectRecord+` WHERE `+isUnsettled+` AND finished >= $1 ORDER BY finished LIMIT $2`, at, 9)
		}), []string{"invocations_unsettled"}},
		"relabel": {of(func(b *batch) { relabel(b, ended(1, "acme", 1), 0) }), []string{"labels_by_invocation"}},
	} {
		for i, statement := range test.statements.QueuedQueries {
			plan, err := genericPlan(t, s, statement, "COSTS OFF")
			if !strings.Contains(plan, test.indexes[i]) || strings.Contains(plan, "Seq Scan") {
				t.Errorf("%s: the plan has no %s, or reads a whole table:\n%s", name, test.indexes[i], plan)
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// genericPlan returns the plan that a connection keeps for all arguments of a statement. With the
// option ANALYZE it also runs it.
func genericPlan(t *testing.T, s *Store, q *pgx.QueuedQuery, options string) (plan string, err error) {
	t.Helper()
	err = s.read(t.Context(), "explain", func(tx tx) error {
		if _, err := tx.exec(`PREPARE explained AS ` + q.SQL); err != nil {
			return err
		}
		explain, places := `EXPLAIN (`+options+`) EXECUTE explained`, make([]string, len(q.Arguments))
		for i := range places {
			places[i] = "$" + strconv.Itoa(i+1)
		}
		if len(places) > 0 {
			explain += ` (` + strings.Join(places, ", ") + `)`
		}
		args := append([]any{pgx.QueryExecModeSimpleProtocol}, q.Arguments...) // EXECUTE takes literals
		lines, err := tx.texts(explain, args...)
		if err != nil {
			return err
		}
		plan = strings.Join(lines, "\n")
		var kept bool
		if err := tx.row(`SELECT generic_plans > 0 FROM pg_prepared_statements WHERE name = 'explained'`).Scan(&kept); err != nil {
			return err
		}
		if !kept {
			t.Errorf("PostgreSQL planned this for its arguments alone:\n%s", plan)
		}
		_, err = tx.exec(`DEALLOCATE explained`)
		return err
	})
	return plan, err
}
