package sqlite

import (
	"context"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/sqlite"
)

// purse knows in a transaction how much is taken of the shares of budgets. It adds the rows up
// once for each share.
type purse struct {
	tx      *sqlite.Tx
	budgets ledger.Budgets
	now     time.Time
	spent   map[ledger.Share]ledger.Spent
	told    bool         // events were stored
	sums    reservations // nil: unknown, because the transaction only reads
}

func newPurse(tx *sqlite.Tx, b ledger.Budgets, now time.Time) *purse {
	return &purse{tx: tx, budgets: b, now: now, spent: map[ledger.Share]ledger.Spent{}}
}

// newPurse returns the purse of a transaction that writes.
func (s *Store) newPurse(tx *sqlite.Tx, b ledger.Budgets, now time.Time) *purse {
	p := newPurse(tx, b, now)
	p.sums = s.sums
	return p
}

// forget has the rows added up again.
func (p *purse) forget() { clear(p.spent) }

// add notes that a row reserves.
func (p *purse) add(r ledger.Record) {
	if !r.Reserves() {
		return
	}
	for _, s := range p.budgets.Shares(r, r.Month) {
		if before, known := p.spent[s]; known {
			before.Reserved = before.Reserved.Plus(r.Worst)
			p.spent[s] = before
		}
	}
}

// heldAhead selects the rows of a scope that have waited for longer than a row. It names both values
// of asleep, so that SQLite reads a range of IDs for each.
const heldAhead = `SELECT 1 FROM invocations INDEXED BY invocations_held
	WHERE ` + isHeld + ` AND budget = ? AND asleep IN (0, 1) AND id < ? AND start_at >= ? AND start_at < ?`

// rooms returns the shares that a row needs a part of.
func (p *purse) rooms(r ledger.Record) (rooms []ledger.Room, err error) {
	for _, share := range p.budgets.Shares(r, r.BudgetMonth(p.now)) {
		room := ledger.Room{Share: share}
		if room.Spent, err = p.of(share); err != nil {
			return nil, err
		}
		from, to := startsIn(share.Month, p.now)
		err := p.tx.QueryRow(`SELECT EXISTS (`+heldAhead+`)`, share.Scope.String(), r.ID, from, to).Scan(&room.Ahead)
		if err != nil {
			return nil, err
		}
		rooms = append(rooms, room)
	}
	return rooms, nil
}

// of returns how much of a share is taken.
func (p *purse) of(s ledger.Share) (ledger.Spent, error) {
	if known, ok := p.spent[s]; ok {
		return known, nil
	}
	spent, err := p.load(s)
	if err == nil {
		p.spent[s] = spent
	}
	return spent, err
}

func (p *purse) load(s ledger.Share) (spent ledger.Spent, err error) {
	if p.sums == nil {
		return spentOf(p.tx, s)
	}
	if spent.Reserved, err = p.sums.of(p.tx, s); err == nil {
		spent.Used, err = usedOf(p.tx, s)
	}
	return spent, err
}

// admit gives a newcomer its month, lets it wait for a budget, or refuses it.
func (p *purse) admit(r ledger.Record, a ledger.Admission) (ledger.Record, error) {
	rooms, err := p.rooms(r)
	if err != nil {
		return r, err
	}
	r, full, refusal := a.Reserve(r, rooms)
	if full == nil {
		return r, refusal
	}
	told, err := unknown(p.tx, p.budgets.Reached(full.Share, full.Spent, true, p.now))
	switch {
	case err != nil:
		return r, err
	case refusal != nil:
		return r, &store.ToldError{Refusal: refusal, Events: told}
	}
	return r, p.tell(told)
}

// tellUsed stores the events of shares of which more is used now.
func (p *purse) tellUsed(shares map[ledger.Share]bool) error {
	if len(p.budgets.Hearers) == 0 {
		return nil
	}
	for share := range shares {
		spent, err := p.of(share)
		if err != nil {
			return err
		}
		if err := p.tell(p.budgets.Reached(share, spent, false, p.now)); err != nil {
			return err
		}
	}
	return nil
}

// tell stores the events of budgets that the store does not have.
func (p *purse) tell(events []ledger.Delivery) error {
	n, err := insertNew(p.tx, events)
	p.told = p.told || n > 0
	return err
}

// tellRefusal stores the events of a refusal, and returns it without them.
func (s *Store) tellRefusal(ctx context.Context, err error) error {
	events, refusal := store.WithoutEvents(err)
	if len(events) == 0 {
		return refusal
	}
	added := 0
	_, err = s.write(ctx, "store an event of a budget", func(tx *sqlite.Tx) (_ []ledger.Record, err error) {
		added, err = insertNew(tx, events)
		return nil, err
	})
	if err != nil {
		return err
	}
	if added > 0 {
		s.ring()
	}
	return refusal
}

// unknown returns the deliveries that the store does not have.
func unknown(tx *sqlite.Tx, all []ledger.Delivery) (missing []ledger.Delivery, err error) {
	for _, d := range all {
		var known bool
		if err := tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM deliveries WHERE id = ?)`, d.ID).Scan(&known); err != nil {
			return nil, err
		}
		if !known {
			missing = append(missing, d)
		}
	}
	return missing, nil
}

// insertNew adds the deliveries that the store does not have, and returns their number.
func insertNew(tx *sqlite.Tx, all []ledger.Delivery) (int, error) {
	missing, err := unknown(tx, all)
	if err != nil {
		return 0, err
	}
	return len(missing), insertDeliveries(tx, missing)
}
