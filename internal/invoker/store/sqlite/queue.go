package sqlite

import (
	"context"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/sqlite"
)

// isDispatchable is [ledger.Record.Dispatchable], and isCheckable is
// [ledger.Record.Checkable].
const (
	isDispatchable = isWaiting + ` AND checked = 1 AND search_from = 0 AND budget = ''`
	isCheckable    = isWaiting + ` AND checked = 0 AND search_from = 0`
)

// Unchecked implements [store.Store]. After a full batch, the next record may be due at once.
func (s *Store) Unchecked(ctx context.Context, now time.Time, lease time.Duration, limit int) (_ []ledger.Record, next time.Time, err error) {
	leased, err := s.write(ctx, "take what is unchecked", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		const unchecked = ` INDEXED BY invocations_unchecked WHERE ` + isCheckable
		due, err := records(tx, selectRecord+unchecked+` AND not_before <= ? AND lease_until <= ? ORDER BY id LIMIT ?`, micros(now), micros(now), limit)
		if err != nil {
			return nil, err
		}
		if next = now; len(due) < limit {
			next, err = earliest(tx, `SELECT min(max(not_before, lease_until)) FROM invocations`+unchecked+` AND max(not_before, lease_until) > ?`, now)
			if err != nil {
				return nil, err
			}
		}
		moves := make([]ledger.Move, len(due))
		for i, r := range due {
			moves[i] = ledger.Move{From: r, To: r.Leased(now.Add(lease))}
		}
		return s.moveAll(tx, moves)
	})
	return leased, next, err
}

// earliest reads a time after now, which is the last argument of the query. It is zero if
// there is none.
func earliest(tx *sqlite.Tx, query string, now time.Time, args ...any) (time.Time, error) {
	var at *int64
	if err := tx.QueryRow(query, append(args, micros(now))...).Scan(&at); err != nil || at == nil {
		return time.Time{}, err
	}
	return fromMicros(*at), nil
}

// texts reads a column of texts.
func texts(tx *sqlite.Tx, query string, args ...any) (all []string, err error) {
	for row, err := range tx.Query(query, args...) {
		if err != nil {
			return nil, err
		}
		var text string
		if err := row.Scan(&text); err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, nil
}
