package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// Tidy implements [store.Store].
func (s *Store) Tidy(ctx context.Context, now time.Time, keep time.Duration, limit int) (n int, err error) {
	_, err = s.write(ctx, "remove old invocations", func(t tx) ([]ledger.Record, error) {
		n = 0
		if err := tidyBudgetDeliveries(t, now, limit); err != nil {
			return nil, err
		}
		keeps, err := keptFor(t)
		if err != nil {
			return nil, err
		}
		for _, k := range keeps {
			removed, err := tidy(t, k, now, keep, limit-n)
			if err != nil {
				return nil, err
			}
			n += removed
		}
		removed, err := tidyUsage(t, now, limit-n)
		n += removed
		return nil, err
	})
	return n, err
}

// keptFor returns the times for which ended rows are kept, as they are stored.
func keptFor(t tx) ([]int64, error) {
	return all(t, func(row pgx.Row) (keep int64, err error) {
		err = row.Scan(&keep)
		return keep, err
	}, distinct("invocations", "keep", "finished > 'epoch'"))
}

// oldRows selects rows that may be removed. The subquery is a value, so PostgreSQL runs it for the
// rows that it reads. It might join NOT EXISTS, and read all pending deliveries for each row.
const oldRows = `SELECT id FROM invocations WHERE finished > 'epoch' AND keep = $1 AND finished < $2 AND NOT watched
	AND (key IS NULL OR (finished < $3 AND created + greatest($5, key_keep) * interval '1 microsecond' < $4))
	AND (SELECT true FROM deliveries WHERE invocation = invocations.id AND (state = 'pending') IS TRUE AND created > $6 LIMIT 1) IS NULL
	AND (execution IS NULL OR usage <> '' OR finished < $7)
	ORDER BY keep, finished LIMIT $8 FOR UPDATE SKIP LOCKED`

// tidy removes old rows among those that are kept for the same time; 0 is the default.
func tidy(t tx, stored int64, now time.Time, keep time.Duration, limit int) (int, error) {
	if stored > 0 {
		keep = time.Duration(stored) * time.Microsecond
	}
	old, err := t.texts(oldRows, stored, stamp(now.Add(-keep)),
		stamp(now.Add(-ledger.KeyAfterEnd)), stamp(now), ledger.KeyAfterAcceptance.Microseconds(), stamp(now.Add(-ledger.DeliveryKept)),
		stamp(now.Add(-ledger.SettleWithin)), limit)
	if err != nil || len(old) == 0 {
		return 0, err
	}
	var b batch
	b.remove(old)
	return len(old), b.run(t)
}
