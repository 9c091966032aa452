package postgres

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

const (
	// isReserving is [ledger.Record.Reserves].
	isReserving = `month > 0 AND usage = '' AND (finished = 'epoch' OR execution IS NOT NULL)`
	// most is the largest bigint. Sums are numeric, so they may be larger before least.
	most = `9223372036854775807`
)

// sum is the sum of a column that saturates at the largest bigint.
func sum(column string) string {
	return `least(coalesce(sum(` + column + `), 0), ` + most + `)::bigint`
}

// plus is what an upsert adds to a column of a table. It saturates at the largest bigint.
func plus(table, column string) string {
	return column + ` = least(` + table + `.` + column + `::numeric + excluded.` + column + `, ` + most + `)::bigint`
}

// where is a condition with its arguments.
type where struct {
	text string
	args []any
}

// and adds a comparison with an argument.
func (w *where) and(comparison string, arg any) { w.text += ` AND ` + comparison + ` ` + w.arg(arg) }

// arg adds an argument, and returns the place for it.
func (w *where) arg(arg any) string {
	w.args = append(w.args, arg)
	return `$` + strconv.Itoa(len(w.args))
}

// addUp adds up in a batch how much of a share is taken.
func addUp(b *batch, s ledger.Share, spent *ledger.Spent) {
	reserved := where{text: `invocations AS r WHERE ` + isReserving}
	if s.Label == "" {
		reserved.and(`r.month =`, s.Month)
	} else {
		reserved.text = `labels AS l JOIN invocations AS r ON r.id = l.invocation
			WHERE l.month > 0 AND r.usage = '' AND (r.finished = 'epoch' OR r.execution IS NOT NULL)`
		reserved.and(`l.month =`, s.Month)
		reserved.and(`l.name =`, s.Label)
		reserved.and(`l.value =`, s.Value)
	}
	used := where{text: `usage_sums AS r WHERE true`}
	used.and(`r.month =`, s.Month)
	used.and(`r.name =`, s.Label)
	used.and(`r.value =`, s.Value)
	for _, w := range []*where{&reserved, &used} {
		if s.Job != "" {
			w.and(`r.job =`, s.Job)
		}
		if s.Caller != "" {
			w.and(`r.principal =`, s.Owner())
		}
	}
	b.rowOf(costs(&spent.Reserved), `SELECT `+sum("worst_vcpu")+`, `+sum("worst_memory")+`, `+sum("worst_money")+` FROM `+reserved.text, reserved.args...)
	b.rowOf(costs(&spent.Used), `SELECT `+sum("vcpu")+`, `+sum("memory")+`, `+sum("money")+` FROM `+used.text, used.args...)
}

// costs are the amounts that budgets limit.
func costs(c *ledger.Cost) []any { return []any{&c.VCPU, &c.Memory, &c.Money} }

// addToSums adds settlements to the sums that budgets read. It goes through the rows in their
// order, so that two transactions do not wait for each other.
func addToSums(b *batch, settlements []ledger.Settlement) {
	type row struct {
		name, value string
		ledger.Settlement
	}
	var rows []row
	for _, s := range settlements {
		rows = append(rows, row{"", "", s}) // all invocations
		for name, value := range s.Record.Labels {
			rows = append(rows, row{name, value, s})
		}
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(a.Month()-b.Month(), cmp.Compare(a.name, b.name), cmp.Compare(a.value, b.value),
			cmp.Compare(a.Record.Job, b.Record.Job), cmp.Compare(a.Record.Caller, b.Record.Caller))
	})
	for _, r := range rows {
		b.exec(`INSERT INTO usage_sums (month, name, value, job, principal, vcpu, memory, money) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (month, name, value, job, principal) DO UPDATE SET `+plus("usage_sums", "vcpu")+`, `+plus("usage_sums", "memory")+`, `+plus("usage_sums", "money"),
			r.Month(), r.name, r.value, r.Record.Job, r.Record.Caller, r.Cost.VCPU, r.Cost.Memory, r.Cost.Money)
	}
}

// tidySums removes the sums of months before a month, up to limit of them.
func tidySums(t tx, month, limit int) error {
	_, err := t.exec(`DELETE FROM usage_sums WHERE (month, name, value, job, principal) IN (
		SELECT month, name, value, job, principal FROM usage_sums WHERE month < $1 LIMIT $2)`, month, limit)
	return err
}
