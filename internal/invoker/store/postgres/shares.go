package postgres

import (
	"context"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// Shares implements [store.Budgets].
func (s *Store) Shares(ctx context.Context, budgets []ledger.Budget, month, limit int) (states []store.ShareState, err error) {
	err = s.read(ctx, "read budgets", func(t tx) error {
		states = nil
		for _, b := range budgets {
			shares, err := sharesOf(t, b, month, limit)
			if err != nil {
				return err
			}
			for _, share := range shares {
				states = append(states, store.ShareState{Share: share})
			}
		}
		var b batch
		for i := range states {
			addUp(&b, states[i].Share, &states[i].Spent)
			b.row(&states[i].Waiting, `SELECT count(*) FROM invocations WHERE `+isHeld+` AND budget = $1`, states[i].Scope.String())
		}
		return b.run(t)
	})
	return states, err
}

// sharesOf returns the shares of a budget.
func sharesOf(t tx, b ledger.Budget, month, limit int) (shares []ledger.Share, err error) {
	if !b.Each {
		return []ledger.Share{{Budget: b, Month: month}}, nil
	}
	values, err := t.texts(usedValues, month, b.Label, limit)
	for _, value := range values {
		b.Value = value
		shares = append(shares, ledger.Share{Budget: b, Month: month})
	}
	return shares, err
}

// usedValues are the values of a label in a month. It skips from value to value in the indexes.
const usedValues = `WITH RECURSIVE reserving(value) AS (
		SELECT min(value) FROM labels WHERE month > 0 AND month = $1 AND name = $2
		UNION ALL
		SELECT (SELECT min(value) FROM labels WHERE month > 0 AND month = $1 AND name = $2 AND value > reserving.value)
		FROM reserving WHERE reserving.value IS NOT NULL
	), used(value) AS (
		SELECT min(value) FROM usage_sums WHERE month = $1 AND name = $2
		UNION ALL
		SELECT (SELECT min(value) FROM usage_sums WHERE month = $1 AND name = $2 AND value > used.value) FROM used WHERE used.value IS NOT NULL
	)
	SELECT value FROM (SELECT value FROM reserving UNION SELECT value FROM used) AS found WHERE value IS NOT NULL
	ORDER BY value COLLATE "C" LIMIT $3`

// Rooms implements [store.Budgets].
func (s *Store) Rooms(ctx context.Context, r ledger.Record, b ledger.Budgets, now time.Time) (rooms []ledger.Room, err error) {
	err = s.read(ctx, "read budgets", func(t tx) (err error) {
		rooms, err = newPurse(t, b, now).rooms(r)
		return err
	})
	return rooms, err
}
