package sqlite

import (
	"context"
	"errors"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/store/column"
	"github.com/runwith/runwith/internal/sqlite"
)

// The states of [ledger.Waiting] and [ledger.Holding], as the partial indexes of the
// schema spell them.
const (
	isWaiting = `state IN ('accepted', 'queued')`
	isHolding = `state IN ('starting', 'running', 'unresolved')`
)

// Accept implements [store.Store].
func (s *Store) Accept(ctx context.Context, r ledger.Record, a ledger.Admission) (store.Accepted, error) {
	var (
		accepted store.Accepted
		p        *purse
	)
	_, err := s.add(ctx, "accept invocation", func(tx *sqlite.Tx) (_ []ledger.Record, err error) {
		p = s.newPurse(tx, a.Budgets, a.Now)
		accepted, err = s.acceptOne(p, r, a)
		return changedBy(accepted), err
	})
	if err == nil && p.told {
		s.ring()
	}
	return accepted, s.tellRefusal(ctx, err)
}

// acceptOne accepts a newcomer in a transaction. After an error it may have written some of it.
func (s *Store) acceptOne(p *purse, r ledger.Record, a ledger.Admission) (accepted store.Accepted, err error) {
	tx := p.tx
	if accepted.Record, accepted.Replayed, err = replay(tx, r, a); err != nil {
		return accepted, err
	}
	if accepted.Replayed {
		return accepted, settleEventOf(tx, accepted.Record, a.Now)
	}
	if err = spend(tx, a); err != nil {
		return accepted, err
	}
	if accepted.Record, accepted.Moved, err = s.admit(tx, r, a); err != nil {
		return accepted, err
	}
	if len(accepted.Moved) > 0 {
		p.forget() // they may have released what they reserved
	}
	if accepted.Record, err = p.admit(accepted.Record, a); err != nil {
		return accepted, err
	}
	if err = s.insert(tx, accepted.Record); err == nil {
		p.add(accepted.Record)
	}
	return accepted, err
}

// changedBy returns the records that an acceptance has changed.
func changedBy(a store.Accepted) []ledger.Record {
	if a.Replayed {
		return nil
	}
	changed := []ledger.Record{a.Record}
	for _, m := range a.Moved {
		changed = append(changed, m.To)
	}
	return changed
}

// replay looks for the record's key, and releases one that has expired. Most keys are new, and a
// look for one column costs a third of one for a whole row, so it comes first.
func replay(tx *sqlite.Tx, r ledger.Record, a ledger.Admission) (before ledger.Record, found bool, err error) {
	if r.Key == "" {
		return r, false, nil
	}
	var id string
	err = tx.QueryRow(`SELECT id FROM invocations WHERE owner = ? AND key = ?`, r.Owner, r.Key).Scan(&id)
	if errors.Is(err, sqlite.ErrNoRows) {
		return r, false, nil
	}
	if err == nil {
		before, err = scan(tx.QueryRow(selectRecord+` WHERE id = ?`, id))
	}
	if err != nil {
		return r, false, err
	}
	if found, err = r.Repeats(before, a.Now); found || err != nil {
		return before, found, err
	}
	_, err = tx.Exec(`UPDATE invocations SET key = NULL WHERE id = ? AND key = ?`, before.ID, r.Key)
	return r, false, err
}

// spend takes the tokens that a newcomer costs.
func spend(tx *sqlite.Tx, a ledger.Admission) error {
	if len(a.Rates) == 0 {
		return nil
	}
	buckets := map[string]ledger.Bucket{}
	for _, l := range a.Rates {
		b, err := loadBucket(tx, l.Name)
		if err != nil {
			return err
		}
		buckets[l.Name] = b
	}
	spent, err := ledger.SpendRates(a.Rates, buckets, a.Now)
	if err != nil {
		return err
	}
	return saveBuckets(tx, spent)
}

// admit returns the record as it is accepted, and the moves of others that it has made.
func (s *Store) admit(tx *sqlite.Tx, r ledger.Record, a ledger.Admission) (_ ledger.Record, made []ledger.Move, err error) {
	if !r.Bounded() || r.Asleep(a.Now) {
		return r, nil, nil
	}
	if err := wake(tx, a.Now); err != nil {
		return r, nil, err
	}
	waiting, holding, err := neighbours(tx, r, a)
	if err != nil {
		return r, nil, err
	}
	r, moves, err := ledger.Admit(r, a, waiting, holding)
	if err != nil {
		return r, nil, err
	}
	moved, err := s.moveAll(tx, moves)
	for i, to := range moved {
		made = append(made, ledger.Move{From: moves[i].From, To: to})
	}
	return r, made, err
}

// countWaiting counts the rows that wait for the slots of a key, up to a bound.
const countWaiting = `SELECT count(*) FROM (SELECT 1 FROM invocations INDEXED BY invocations_waiting_slots
	WHERE slot = ?1 AND slot <> '' AND ` + isWaiting + ` AND asleep = 0 LIMIT ?2)`

// neighbours returns the rows that wait for the slots of a newcomer's key, and those that hold
// them, for [ledger.Admit]. If none can be replaced, their number is enough: the rows are empty.
func neighbours(tx *sqlite.Tx, r ledger.Record, a ledger.Admission) (waiting, holding []ledger.Record, err error) {
	if a.Overflow == ledger.Replacing {
		return replaceable(tx, r.Slot)
	}
	var waits, holds int
	err = tx.QueryRow(`SELECT (`+countWaiting+`), (`+countHeld+`)`, r.Slot, a.MostWaiting(r)).Scan(&waits, &holds)
	return make([]ledger.Record, waits), make([]ledger.Record, holds), err
}

// replaceable returns the rows that wait for the slots of a key and those that hold them.
func replaceable(tx *sqlite.Tx, slot string) (waiting, holding []ledger.Record, err error) {
	waiting, err = records(tx, selectRecord+` WHERE slot = ? AND slot <> '' AND `+isWaiting+` AND asleep = 0 ORDER BY id`, slot)
	if err != nil {
		return nil, nil, err
	}
	holding, err = records(tx, selectRecord+` WHERE slot = ? AND slot <> '' AND finished = 0 AND `+isHolding+` ORDER BY id`, slot)
	return waiting, holding, err
}

// insert adds a row and its labels, and settles the refused event for which it is.
func (s *Store) insert(tx *sqlite.Tx, r ledger.Record) error {
	if _, err := tx.Exec(insertRecord, values(r)...); err != nil {
		return err
	}
	s.sums.change(tx, ledger.Record{}, r)
	for name, value := range r.Labels {
		if _, err := tx.Exec(`INSERT INTO labels (owner, name, value, invocation, month) VALUES (?, ?, ?, ?, ?)`,
			r.Owner, name, value, r.ID, reserving(r)); err != nil {
			return err
		}
	}
	return settleEventOf(tx, r, r.Created)
}

// remove deletes a row, and all that belongs to it.
func (s *Store) remove(tx *sqlite.Tx, r ledger.Record) error {
	s.sums.change(tx, r, ledger.Record{})
	for name, value := range r.Labels {
		if _, err := tx.Exec(`DELETE FROM labels WHERE owner = ? AND name = ? AND value = ? AND invocation = ?`, r.Owner, name, value, r.ID); err != nil {
			return err
		}
	}
	for _, statement := range []string{
		`DELETE FROM twins WHERE invocation = ?`, `DELETE FROM deliveries WHERE invocation = ?`, `DELETE FROM invocations WHERE id = ?`,
	} {
		if _, err := tx.Exec(statement, r.ID); err != nil {
			return err
		}
	}
	return nil
}

// Explain implements [store.Store].
func (s *Store) Explain(ctx context.Context, id string, f runwith.Failure) error {
	_, err := s.write(ctx, "explain a failure", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		n, err := tx.Exec(`UPDATE invocations SET error_code = ?, error_message = ?, error_tasks = ?, version = version + 1
			WHERE id = ? AND state = 'failed'`, f.Code, f.Message, column.EncodeFailure(f), id)
		if err != nil || n == 0 {
			return nil, err
		}
		r, err := scan(tx.QueryRow(selectRecord+` WHERE id = ?`, id))
		if err == nil && len(r.Subscribers) > 0 {
			err = explainDeliveries(tx, r)
		}
		return []ledger.Record{r}, err
	})
	return err
}

// Withdraw implements [store.Store].
func (s *Store) Withdraw(ctx context.Context, id string) (withdrawn bool, err error) {
	_, err = s.write(ctx, "withdraw invocation", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		withdrawn = false
		r, err := scan(tx.QueryRow(selectRecord+` WHERE id = ? AND search_from = 0 AND execution IS NULL AND `+isWaiting, id))
		if errors.Is(err, sqlite.ErrNoRows) {
			return nil, nil
		}
		if err == nil {
			err = s.remove(tx, r)
		}
		if err == nil && !r.Parked {
			err = unpark(tx, r.Slot)
		}
		if err == nil {
			err = unsettleEventOf(tx, r)
		}
		if err == nil {
			err = removed(tx, r)
		}
		withdrawn = err == nil
		return nil, err
	})
	return withdrawn, err
}
