package sqlite

import (
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/sqlite"
)

// A row that waits for a budget has the budget's scope. Take passes over it, so it costs nothing
// that thousands wait. Whatever may make room in a scope (a row that ends or is settled) wakes
// the first row that waits for the scope, in the same transaction. Take looks at woken rows. If
// one gets its month, the next of the scope is woken. To wake too much is harmless.

// isHeld is [ledger.Record.Held], isReservable is [ledger.Record.Reservable].
const (
	isHeld       = isWaiting + ` AND budget <> ''`
	isReservable = isHeld + ` AND checked = 1 AND search_from = 0`
	isWoken      = isReservable + ` AND woken = 1`
)

// reserve looks at woken rows: it gives them their month, or lets them wait on. It returns
// whether there are more of them.
func (l *look) reserve(t ledger.Take, taken *store.Taken) (changed []ledger.Record, more bool, err error) {
	if t.Reconsider {
		if err := wakeAllHeld(l.tx); err != nil {
			return nil, false, err
		}
	}
	p := l.newPurse(l.tx, t.Budgets, t.Now)
	for looked := 0; looked < maxLook; {
		woken, err := records(l.tx, selectRecord+` INDEXED BY invocations_woken WHERE `+isWoken+` ORDER BY id LIMIT ?`, maxLook-looked)
		if err != nil || len(woken) == 0 {
			return changed, false, err
		}
		looked += len(woken)
		for _, r := range woken {
			to, err := l.reserveOne(p, r, taken)
			if err != nil {
				return nil, false, err
			}
			changed = append(changed, to...)
		}
	}
	return changed, true, nil
}

// reserveOne looks at one woken row, and returns it if it has changed.
func (l *look) reserveOne(p *purse, r ledger.Record, taken *store.Taken) ([]ledger.Record, error) {
	rooms, err := p.rooms(r)
	if err != nil {
		return nil, err
	}
	to, wait := ledger.Reserved(r, rooms, l.now)
	if wait != "" {
		return nil, waitFor(l.tx, r, wait)
	}
	moved, err := l.move(l.tx, ledger.Move{From: r, To: to})
	if err != nil {
		return nil, err
	}
	p.add(moved)
	if moved.State == runwith.StateRefused {
		taken.Refused = append(taken.Refused, ledger.Move{From: r, To: moved})
	}
	return []ledger.Record{moved}, nil
}

// waitFor lets a row wait for a scope. If it waited for another one, the next row there may have
// room.
func waitFor(tx *sqlite.Tx, r ledger.Record, scope string) error {
	if _, err := tx.Exec(`UPDATE invocations SET budget = ?, woken = 0 WHERE id = ?`, scope, r.ID); err != nil || scope == r.Budget {
		return err
	}
	return wakeFirst(tx, r.Budget, ledger.MonthOf(r.StartAt))
}

// followBudget writes what follows from a move for those that wait for a budget.
func followBudget(tx *sqlite.Tx, m ledger.Move) error {
	switch {
	case !m.From.Held():
	case m.To.Month > 0 || !m.To.Waiting():
		if _, err := tx.Exec(`UPDATE invocations SET budget = '', woken = 0 WHERE id = ?`, m.From.ID); err != nil {
			return err
		}
		if err := wakeFirst(tx, m.From.Budget, ledger.MonthOf(m.From.StartAt)); err != nil {
			return err
		}
	case m.To.Reservable() && !m.From.Reservable():
		if _, err := tx.Exec(`UPDATE invocations SET woken = 1 WHERE id = ?`, m.From.ID); err != nil {
			return err
		}
	}
	if reserving(m.From) != reserving(m.To) {
		if err := relabel(tx, m.To, reserving(m.To)); err != nil {
			return err
		}
	}
	if m.FreesBudget() {
		return freed(tx, m.From)
	}
	return nil
}

// reserving returns the month in which a row counts with its worst case; 0: it does not.
func reserving(r ledger.Record) int {
	if r.Reserves() {
		return r.Month
	}
	return 0
}

// relabel notes the month in which a row counts with its labels.
func relabel(tx *sqlite.Tx, r ledger.Record, month int) error {
	for name, value := range r.Labels {
		if _, err := tx.Exec(`UPDATE labels SET month = ? WHERE owner = ? AND name = ? AND value = ? AND invocation = ?`,
			month, r.Owner, name, value, r.ID); err != nil {
			return err
		}
	}
	return nil
}

// release has a row no longer count with its worst case, because it is settled.
func release(tx *sqlite.Tx, r ledger.Record) error {
	if r.Month == 0 {
		return nil
	}
	if err := relabel(tx, r, 0); err != nil {
		return err
	}
	return freed(tx, r)
}

// removed wakes those that wait for what a row had that was removed.
func removed(tx *sqlite.Tx, r ledger.Record) error {
	if r.Held() {
		return wakeFirst(tx, r.Budget, ledger.MonthOf(r.StartAt))
	}
	return freed(tx, r)
}

// freed wakes the first row of each scope in which a row no longer counts as much.
func freed(tx *sqlite.Tx, r ledger.Record) error {
	var waits bool
	if err := tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM invocations INDEXED BY invocations_held WHERE ` + isHeld + `)`).Scan(&waits); err != nil || !waits {
		return err
	}
	for _, scope := range r.Scopes() {
		if err := wakeFirst(tx, scope.String(), r.Month); err != nil {
			return err
		}
	}
	return nil
}

// firstHeld selects the first row that waits for a scope.
const firstHeld = `SELECT min(id) FROM invocations INDEXED BY invocations_held WHERE ` + isHeld + ` AND budget = ?1`

// wakeFirst wakes the first of the rows that wait for a scope, and the first of those that sleep
// until a month.
func wakeFirst(tx *sqlite.Tx, scope string, month int) error {
	from, to := monthOf(month)
	_, err := tx.Exec(`UPDATE invocations SET woken = 1 WHERE id IN ((`+firstHeld+` AND asleep = 0), (`+firstHeld+` AND asleep = 1 AND start_at >= ?2 AND start_at < ?3))`,
		scope, from, to)
	return err
}

// wakeAllHeld wakes the first row of each scope that does not sleep, and all that do: these may
// wait for another month.
func wakeAllHeld(tx *sqlite.Tx) error {
	_, err := tx.Exec(`UPDATE invocations SET woken = 1 WHERE id IN (
		WITH RECURSIVE scopes(budget) AS (
			SELECT min(budget) FROM invocations INDEXED BY invocations_held WHERE ` + isHeld + `
			UNION ALL
			SELECT (SELECT min(budget) FROM invocations INDEXED BY invocations_held WHERE ` + isHeld + ` AND budget > scopes.budget)
			FROM scopes WHERE scopes.budget IS NOT NULL
		)
		SELECT (SELECT min(id) FROM invocations INDEXED BY invocations_held WHERE ` + isHeld + ` AND budget = scopes.budget AND asleep = 0)
		FROM scopes WHERE scopes.budget IS NOT NULL)`)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE invocations SET woken = 1 WHERE rowid IN (
		SELECT rowid FROM invocations INDEXED BY invocations_later WHERE ` + isLater + ` AND asleep = 1 AND budget <> '')`)
	return err
}

// monthOf returns the bounds of a month.
func monthOf(month int) (from, to int64) {
	return micros(ledger.MonthBegins(month)), micros(ledger.MonthEnds(month))
}

// startsIn returns the bounds of the start times of rows that use a month's budgets: those of
// the current month may start at any time until its end.
func startsIn(month int, now time.Time) (from, to int64) {
	from, to = monthOf(month)
	if month <= ledger.MonthOf(now) {
		from = 0
	}
	return from, to
}
