package sqlite

import (
	"context"
	"errors"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/sqlite"
)

// AcceptEach implements [store.Store].
func (s *Store) AcceptEach(ctx context.Context, newcomers []store.Newcomer) ([]store.AcceptedOrError, error) {
	var (
		results []store.AcceptedOrError
		told    bool
	)
	_, err := s.add(ctx, "accept invocations", func(tx *sqlite.Tx) (changed []ledger.Record, err error) {
		results = make([]store.AcceptedOrError, len(newcomers))
		var p *purse
		for i, n := range newcomers {
			if p == nil || !p.budgets.Equal(n.Admission.Budgets) {
				p = s.newPurse(tx, n.Admission.Budgets, n.Admission.Now)
			}
			if results[i], err = s.acceptApart(p, n); err != nil {
				return nil, err
			}
			told = told || p.told
			changed = append(changed, changedBy(results[i].Accepted)...)
		}
		return changed, nil
	})
	if err != nil {
		return nil, err
	}
	if told {
		s.ring()
	}
	return results, nil
}

// acceptApart accepts a newcomer in a savepoint. A refusal leaves nothing behind, and is in the
// result; any other error is the transaction's.
func (s *Store) acceptApart(p *purse, n store.Newcomer) (store.AcceptedOrError, error) {
	tx := p.tx
	if _, err := tx.Exec(`SAVEPOINT newcomer`); err != nil {
		return store.AcceptedOrError{}, err
	}
	accepted, err := s.acceptOne(p, n.Record, n.Admission)
	if err == nil {
		_, err = tx.Exec(`RELEASE newcomer`)
		return store.AcceptedOrError{Accepted: accepted}, err
	}
	if _, refused := errors.AsType[*runwith.Error](err); !refused {
		return store.AcceptedOrError{}, err
	}
	if _, err := tx.Exec(`ROLLBACK TO newcomer`); err != nil {
		return store.AcceptedOrError{}, err
	}
	p.forget() // what it has written is undone
	clear(s.sums)
	if _, err := tx.Exec(`RELEASE newcomer`); err != nil {
		return store.AcceptedOrError{}, err
	}
	told, refusal := store.WithoutEvents(err)
	return store.AcceptedOrError{Err: refusal}, p.tell(told)
}
