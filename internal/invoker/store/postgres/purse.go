package postgres

import (
	"slices"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// purse knows in a transaction how much is taken of the shares of budgets. It adds the rows up
// once for each share. The transaction has the lock of budgets, if a decision rests on the sums.
type purse struct {
	t       tx
	budgets ledger.Budgets
	now     time.Time
	spent   map[ledger.Share]ledger.Spent
	told    bool // events were stored
}

func newPurse(t tx, b ledger.Budgets, now time.Time) *purse {
	return &purse{t: t, budgets: b, now: now, spent: map[ledger.Share]ledger.Spent{}}
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

// rooms returns the shares that a row needs a part of.
func (p *purse) rooms(r ledger.Record) ([]ledger.Room, error) {
	shares := p.budgets.Shares(r, r.BudgetMonth(p.now))
	if len(shares) == 0 {
		return nil, nil
	}
	var (
		rooms = make([]ledger.Room, len(shares))
		b     batch
	)
	for i, share := range shares {
		from, to := startsIn(share.Month, p.now)
		b.row(&rooms[i].Ahead, `SELECT EXISTS (SELECT 1 FROM invocations WHERE `+isHeld+` AND budget = $1 AND id < $2 AND start_at >= $3 AND start_at < $4)`,
			share.Scope.String(), r.ID, from, to)
	}
	if err := p.load(&b, shares); err != nil {
		return nil, err
	}
	for i, share := range shares {
		rooms[i].Share, rooms[i].Spent = share, p.spent[share]
	}
	return rooms, nil
}

// load runs a batch, and adds up in the same round trip how much of shares is taken.
func (p *purse) load(b *batch, shares []ledger.Share) error {
	var (
		missing []ledger.Share
		spent   = make([]ledger.Spent, len(shares))
	)
	for _, share := range shares {
		if _, known := p.spent[share]; !known {
			addUp(b, share, &spent[len(missing)])
			missing = append(missing, share)
		}
	}
	if err := b.run(p.t); err != nil {
		return err
	}
	for i, share := range missing {
		p.spent[share] = spent[i]
	}
	return nil
}

// admit gives a newcomer its month, lets it wait for a budget, or refuses it. The transaction has
// called lockToReserve.
func (p *purse) admit(r ledger.Record, a ledger.Admission) (ledger.Record, error) {
	rooms, err := p.rooms(r)
	if err != nil {
		return r, err
	}
	r, full, refusal := a.Reserve(r, rooms)
	if full == nil {
		return r, refusal
	}
	told, err := unknown(p.t, p.budgets.Reached(full.Share, full.Spent, true, p.now))
	switch {
	case err != nil:
		return r, err
	case refusal != nil:
		return r, &store.ToldError{Refusal: refusal, Events: told}
	}
	return r, p.tell(told)
}

// tellUsed stores the events of shares after a settlement.
func (p *purse) tellUsed(shares []ledger.Share) error {
	if len(p.budgets.Hearers) == 0 {
		return nil
	}
	if err := p.load(new(batch), shares); err != nil {
		return err
	}
	for _, share := range shares {
		if err := p.tell(p.budgets.Reached(share, p.spent[share], false, p.now)); err != nil {
			return err
		}
	}
	return nil
}

// tell stores the events of budgets that the store does not have.
func (p *purse) tell(events []ledger.Delivery) error {
	n, err := insertNew(p.t, events)
	p.told = p.told || n > 0
	return err
}

// unknown returns the deliveries that the store does not have.
func unknown(t tx, made []ledger.Delivery) (missing []ledger.Delivery, err error) {
	if len(made) == 0 {
		return nil, nil
	}
	ids := make([]string, len(made))
	for i, d := range made {
		ids[i] = d.ID
	}
	known, err := t.texts(`SELECT id FROM deliveries WHERE id = ANY($1)`, ids)
	for _, d := range made {
		if !slices.Contains(known, d.ID) {
			missing = append(missing, d)
		}
	}
	return missing, err
}

// insertNew adds the deliveries that the store does not have, and returns their number. The
// transaction has the lock of budgets.
func insertNew(t tx, made []ledger.Delivery) (int, error) {
	missing, err := unknown(t, made)
	if err != nil || len(missing) == 0 {
		return 0, err
	}
	return len(missing), insertDeliveries(t, missing)
}
