package postgres

import (
	"context"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// isDispatchable is [ledger.Record.Dispatchable], isReady adds that it is neither parked nor asleep,
// and isCheckable is [ledger.Record.Checkable].
const (
	isDispatchable = isWaiting + ` AND checked AND search_from = 'epoch' AND budget = ''`
	isReady        = isDispatchable + ` AND NOT parked AND NOT asleep`
	isCheckable    = isWaiting + ` AND NOT checked AND search_from = 'epoch'`
)

// dueUnchecked selects whether a checkable row is due at the time $1, and when the next one is.
const dueUnchecked = `SELECT coalesce(bool_or(due <= $1), false), coalesce(min(due) FILTER (WHERE due > $1), 'epoch')
	FROM (SELECT greatest(not_before, lease_until) AS due FROM invocations WHERE ` + isCheckable + `) AS unchecked`

// Unchecked implements [store.Store]. It passes over rows that another process leases now.
func (s *Store) Unchecked(ctx context.Context, now time.Time, lease time.Duration, limit int) (leased []ledger.Record, next time.Time, err error) {
	var due bool
	err = s.ask(ctx, "look for what is unchecked", func(t tx) error {
		return t.row(dueUnchecked, stamp(now)).Scan(&due, (*moment)(&next))
	})
	if err != nil || !due {
		return nil, next, err
	}
	leased, err = s.write(ctx, "take what is unchecked", func(t tx) ([]ledger.Record, error) {
		due, err := records(t, selectRecord+` WHERE `+isCheckable+` AND not_before <= $1 AND lease_until <= $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED`, stamp(now), limit)
		if err != nil {
			return nil, err
		}
		moves := make([]ledger.Move, len(due))
		for i, r := range due {
			moves[i] = ledger.Move{From: r, To: r.Leased(now.Add(lease))}
		}
		return s.moveAll(t, moves)
	})
	return leased, next, err
}
