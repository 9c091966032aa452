package postgres

import (
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// write makes room for a newcomer, and adds it.
func (in *intake) write(n store.Newcomer, moves []ledger.Move, before []ledger.Record) (accepted store.Accepted, err error) {
	r := n.Record
	moved, err := in.moveAll(in.t, moves)
	if err != nil {
		return accepted, err
	}
	for i, to := range moved {
		accepted.Moved = append(accepted.Moved, ledger.Move{From: moves[i].From, To: to})
		in.purse.forget() // their part of a budget may be free now
	}
	if r, err = in.purse.admit(r, n.Admission); err != nil {
		return accepted, err
	}
	var (
		b     batch
		added int64
	)
	for _, expired := range before {
		b.exec(`UPDATE invocations SET key = NULL WHERE id = $1 AND key = $2`, expired.ID, r.Key)
	}
	sql, args := adding(r)
	b.count(&added, sql, args...)
	if err := b.run(in.t); err != nil {
		return accepted, err
	}
	if added == 0 {
		return accepted, errKeyTaken
	}
	in.purse.add(r)
	accepted.Record = r
	return accepted, settleEventOf(in.t, r, r.Created)
}

// apart writes in a savepoint, which a refusal undoes.
func (in *intake) apart(write func() error) error {
	if _, err := in.t.exec(`SAVEPOINT newcomer`); err != nil {
		return err
	}
	failed := write()
	if failed != nil && !own(failed) { // the transaction has failed
		return failed
	}
	if failed != nil {
		in.purse.forget() // the savepoint undoes its writes
		if _, err := in.t.exec(`ROLLBACK TO newcomer`); err != nil {
			return err
		}
	}
	if _, err := in.t.exec(`RELEASE newcomer`); err != nil {
		return err
	}
	return failed
}

// changedBy returns the records that an acceptance has changed.
func changedBy(a store.Accepted) []ledger.Record {
	if a.Replayed || a.Record.ID == "" {
		return nil
	}
	changed := []ledger.Record{a.Record}
	for _, m := range a.Moved {
		changed = append(changed, m.To)
	}
	return changed
}
