package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/sqlite"
)

// Shares implements [store.Budgets].
func (s *Store) Shares(ctx context.Context, budgets []ledger.Budget, month, limit int) (states []store.ShareState, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) error {
		states = nil
		for _, b := range budgets {
			shares, err := sharesOf(tx, b, month, limit)
			if err != nil {
				return err
			}
			for _, share := range shares {
				state, err := stateOf(tx, share)
				if err != nil {
					return err
				}
				states = append(states, state)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read budgets: %w", err)
	}
	return states, nil
}

// sharesOf returns the shares of a budget.
func sharesOf(tx *sqlite.Tx, b ledger.Budget, month, limit int) (shares []ledger.Share, err error) {
	if !b.Each {
		return []ledger.Share{{Budget: b, Month: month}}, nil
	}
	values, err := texts(tx, usedValues, month, b.Label, limit)
	for _, value := range values {
		b.Value = value
		shares = append(shares, ledger.Share{Budget: b, Month: month})
	}
	return shares, err
}

// usedValues are the values of a label in a month. It skips from value to value in the indexes.
const usedValues = `WITH RECURSIVE reserving(value) AS (
		SELECT min(value) FROM labels INDEXED BY labels_reserving WHERE month > 0 AND month = ?1 AND name = ?2
		UNION ALL
		SELECT (SELECT min(value) FROM labels INDEXED BY labels_reserving WHERE month > 0 AND month = ?1 AND name = ?2 AND value > reserving.value)
		FROM reserving WHERE reserving.value IS NOT NULL
	), used(value) AS (
		SELECT min(value) FROM usage_sums WHERE month = ?1 AND name = ?2
		UNION ALL
		SELECT (SELECT min(value) FROM usage_sums WHERE month = ?1 AND name = ?2 AND value > used.value) FROM used WHERE used.value IS NOT NULL
	)
	SELECT value FROM reserving WHERE value IS NOT NULL
	UNION SELECT value FROM used WHERE value IS NOT NULL
	ORDER BY value LIMIT ?3`

// stateOf returns how much of a share is taken.
func stateOf(tx *sqlite.Tx, s ledger.Share) (state store.ShareState, err error) {
	state.Share = s
	if state.Spent, err = spentOf(tx, s); err != nil {
		return state, err
	}
	err = tx.QueryRow(`SELECT count(*) FROM invocations INDEXED BY invocations_held WHERE `+isHeld+` AND budget = ?`, s.Scope.String()).Scan(&state.Waiting)
	return state, err
}

// Rooms implements [store.Budgets].
func (s *Store) Rooms(ctx context.Context, r ledger.Record, b ledger.Budgets, now time.Time) (rooms []ledger.Room, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) (err error) {
		rooms, err = newPurse(tx, b, now).rooms(r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read budgets: %w", err)
	}
	return rooms, nil
}
