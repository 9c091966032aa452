package postgres

import (
	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// A row that waits for a budget has the budget's scope. Take passes over it, so it costs nothing
// that thousands wait. Whatever may make room in a scope (a row that ends or is settled) wakes
// the first row that waits for the scope, in the same transaction. Take looks at woken rows. If
// one gets its month, the next of the scope is woken. To wake too much is harmless.
//
// All budgets have one lock. A transaction holds it alone while it counts reservations and then lets a
// row reserve or wait. A transaction that makes room holds the lock too, because a row that begins to
// wait at the same time would miss it. It holds the lock alone if rows wait for a budget. Otherwise
// it shares the lock with its kind, so without budgets nobody waits.

// isHeld is [ledger.Record.Held], isReservable is [ledger.Record.Reservable].
const (
	isHeld       = isWaiting + ` AND budget <> ''`
	isReservable = isHeld + ` AND checked AND search_from = 'epoch'`
	isWoken      = isReservable + ` AND woken`
)

// maxWoken bounds how many woken rows one transaction looks at.
const maxWoken = 100

// lockToReserve takes the lock of budgets if one of them counts a newcomer. It comes after the
// locks of slots, and before lockToFree.
func lockToReserve(t tx, newcomers ...store.Newcomer) error {
	for _, n := range newcomers {
		if len(n.Admission.Budgets.Shares(n.Record, n.Record.BudgetMonth(n.Admission.Now))) > 0 {
			return t.lockAll(lockBudgets)
		}
	}
	return nil
}

// lockToFree takes the lock of budgets for rows that may count less, before these are touched.
func lockToFree(t tx) error {
	_, err := t.exec(`SELECT CASE WHEN EXISTS (SELECT 1 FROM invocations WHERE `+isHeld+`)
		THEN pg_advisory_xact_lock($1, 0) ELSE pg_advisory_xact_lock_shared($1, 0) END`, lockBudgets)
	return err
}

// reserve looks at woken rows: it gives them their month, or lets them wait on. It returns
// whether there are more of them. It locks the budgets if there are woken rows, so the
// transaction has the locks of its buckets and slots, and has touched no row.
func (s *Store) reserve(t tx, q ledger.Take, taken *store.Taken) (changed []ledger.Record, more bool, err error) {
	var some bool
	if err := t.row(`SELECT CASE WHEN $1 THEN EXISTS (SELECT 1 FROM invocations WHERE `+isHeld+`)
		ELSE EXISTS (SELECT 1 FROM invocations WHERE `+isWoken+`) END`, q.Reconsider).Scan(&some); err != nil || !some {
		return nil, false, err
	}
	if err := t.lockAll(lockBudgets); err != nil {
		return nil, false, err
	}
	if q.Reconsider {
		if err := wakeAllHeld(t); err != nil {
			return nil, false, err
		}
	}
	p := newPurse(t, q.Budgets, q.Now)
	for looked := 0; looked < maxWoken; {
		woken, err := records(t, selectRecord+` WHERE `+isWoken+` ORDER BY id LIMIT $1 FOR UPDATE OF invocations`, maxWoken-looked)
		if err != nil || len(woken) == 0 {
			return changed, false, err
		}
		looked += len(woken)
		for _, r := range woken {
			to, err := s.reserveOne(p, r, taken)
			if err != nil {
				return nil, false, err
			}
			changed = append(changed, to...)
		}
	}
	return changed, true, nil
}

// reserveOne looks at one woken row, and returns it if it has changed.
func (s *Store) reserveOne(p *purse, r ledger.Record, taken *store.Taken) ([]ledger.Record, error) {
	rooms, err := p.rooms(r)
	if err != nil {
		return nil, err
	}
	to, wait := ledger.Reserved(r, rooms, p.now)
	if wait != "" {
		return nil, waitFor(p.t, r, wait)
	}
	moved, err := s.moveAll(p.t, []ledger.Move{{From: r, To: to}})
	if err != nil {
		return nil, err
	}
	p.add(moved[0])
	if moved[0].State == runwith.StateRefused {
		taken.Refused = append(taken.Refused, ledger.Move{From: r, To: moved[0]})
	}
	return moved, nil
}

// waitFor lets a row wait for a scope. If it waited for another one, the next row there may have
// room.
func waitFor(t tx, r ledger.Record, scope string) error {
	var b batch
	b.exec(`UPDATE invocations SET budget = $1, woken = false WHERE id = $2`, scope, r.ID)
	if scope != r.Budget {
		wakeFirst(&b, r.Budget, ledger.MonthOf(r.StartAt))
	}
	return b.run(t)
}

// touchesBudget reports whether followBudget writes something for a move, so that the transaction
// needs lockToFree.
func touchesBudget(m ledger.Move) bool {
	return m.From.Held() && (goesOn(m) || wakesItself(m)) || reserving(m.From) != reserving(m.To) || m.FreesBudget()
}

// goesOn reports whether a row that waited for a budget no longer does.
func goesOn(m ledger.Move) bool { return m.To.Month > 0 || !m.To.Waiting() }

// wakesItself reports whether a row waits from now on for nothing but a budget.
func wakesItself(m ledger.Move) bool { return m.To.Reservable() && !m.From.Reservable() }

// followBudget writes what follows from a move for those that wait for a budget.
func followBudget(b *batch, m ledger.Move) {
	switch {
	case !m.From.Held():
	case goesOn(m):
		b.exec(`UPDATE invocations SET budget = '', woken = false WHERE id = $1`, m.From.ID)
		wakeFirst(b, m.From.Budget, ledger.MonthOf(m.From.StartAt))
	case wakesItself(m):
		b.exec(`UPDATE invocations SET woken = true WHERE id = $1`, m.From.ID)
	}
	if reserving(m.From) != reserving(m.To) {
		relabel(b, m.To, reserving(m.To))
	}
	if m.FreesBudget() {
		freed(b, m.From)
	}
}

// relabel writes the month of a row's reservation to its labels; 0: it no longer reserves.
func relabel(b *batch, r ledger.Record, month int) {
	if len(r.Labels) > 0 {
		b.exec(`UPDATE labels SET month = $1 WHERE invocation = $2`, month, r.ID)
	}
}

// release has a row no longer count with its worst case, because it is settled.
func release(b *batch, r ledger.Record) {
	if r.Month > 0 {
		relabel(b, r, 0)
		freed(b, r)
	}
}
