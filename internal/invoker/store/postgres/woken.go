package postgres

import (
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// removed wakes those that wait for what a row had that was removed. The transaction has called
// lockToFree.
func removed(b *batch, r ledger.Record) {
	if r.Held() {
		wakeFirst(b, r.Budget, ledger.MonthOf(r.StartAt))
	} else {
		freed(b, r)
	}
}

// freed wakes the first row of each scope that counted a row, because the row now counts less.
func freed(b *batch, r ledger.Record) {
	scopes := r.Scopes()
	texts := make([]string, len(scopes))
	for i, scope := range scopes {
		texts[i] = scope.String()
	}
	wakeFirsts(b, texts, r.Month)
}

// wakeFirst is wakeFirsts for one scope.
func wakeFirst(b *batch, scope string, month int) { wakeFirsts(b, []string{scope}, month) }

// wakeFirsts wakes the first of the rows that wait for each scope, and the first of those that
// sleep until a month.
func wakeFirsts(b *batch, scopes []string, month int) {
	const first = `SELECT min(id) FROM invocations WHERE ` + isHeld + ` AND budget = scope`
	from, to := monthOf(month)
	b.exec(`UPDATE invocations SET woken = true WHERE NOT woken AND id IN (
		SELECT unnest(ARRAY[(`+first+` AND NOT asleep), (`+first+` AND asleep AND start_at >= $2 AND start_at < $3)]) FROM unnest($1::text[]) AS scope)`,
		scopes, from, to)
}

// wakeAllHeld wakes the first row of each scope that does not sleep, and all that do: these may
// wait for another month.
func wakeAllHeld(t tx) error {
	_, err := t.exec(`WITH RECURSIVE scopes(budget) AS (
			SELECT min(budget) FROM invocations WHERE ` + isHeld + `
			UNION ALL
			SELECT (SELECT min(budget) FROM invocations WHERE ` + isHeld + ` AND budget > scopes.budget)
			FROM scopes WHERE scopes.budget IS NOT NULL
		)
		UPDATE invocations SET woken = true WHERE NOT woken AND id IN (
			SELECT (SELECT min(id) FROM invocations WHERE ` + isHeld + ` AND budget = scopes.budget AND NOT asleep)
			FROM scopes WHERE scopes.budget IS NOT NULL
			UNION ALL
			SELECT id FROM invocations WHERE ` + isHeld + ` AND start_at > 'epoch' AND asleep)`)
	return err
}

// monthOf returns the bounds of a month.
func monthOf(month int) (from, to time.Time) {
	return ledger.MonthBegins(month), ledger.MonthEnds(month)
}

// startsIn returns the bounds of the start times of rows that use a month's budgets: those of
// the current month may start at any time until its end.
func startsIn(month int, now time.Time) (from, to time.Time) {
	from, to = monthOf(month)
	if month <= ledger.MonthOf(now) {
		from = time.Time{}
	}
	return stamp(from), to
}
