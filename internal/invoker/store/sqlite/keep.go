package sqlite

import (
	"context"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/sqlite"
)

// Import implements [store.Store].
func (s *Store) Import(ctx context.Context, read []ledger.Record) ([]ledger.Record, error) {
	return s.write(ctx, "import invocations", func(tx *sqlite.Tx) (added []ledger.Record, err error) {
		for _, r := range read {
			var known bool
			err := tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM invocations WHERE id = ?1)
				OR EXISTS (SELECT 1 FROM invocations WHERE execution = ?2 AND execution_uid = ?3 AND (execution_uid <> '' OR finished = 0))
				OR EXISTS (SELECT 1 FROM twins WHERE execution = ?2)`, r.ID, r.Execution, r.ExecutionUID).Scan(&known)
			if err != nil {
				return nil, err
			}
			if known {
				continue
			}
			var taken bool
			if err := tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM invocations WHERE owner = ? AND key = ?)`, r.Owner, r.Key).Scan(&taken); err != nil {
				return nil, err
			}
			if taken {
				r.Key = ""
			}
			if err := insert(tx, r); err != nil {
				return nil, err
			}
			added = append(added, r)
		}
		return added, nil
	})
}

// Tidy implements [store.Store].
func (s *Store) Tidy(ctx context.Context, now time.Time, keep time.Duration, limit int) (n int, err error) {
	_, err = s.write(ctx, "remove old invocations", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		n = 0
		if err := tidyBudgetDeliveries(tx, now, limit); err != nil {
			return nil, err
		}
		keeps, err := keptFor(tx)
		if err != nil {
			return nil, err
		}
		for _, k := range keeps {
			removed, err := tidy(tx, k, now, keep, limit-n)
			if err != nil {
				return nil, err
			}
			n += removed
		}
		removed, err := tidyUsage(tx, now, limit-n)
		n += removed
		return nil, err
	})
	return n, err
}

// keptFor returns the times for which ended rows are kept, as they are stored. It skips from
// one to the next in the index.
func keptFor(tx *sqlite.Tx) (keeps []int64, err error) {
	for row, err := range tx.Query(`WITH RECURSIVE ended(keep) AS (
			SELECT min(keep) FROM invocations INDEXED BY invocations_ended WHERE finished > 0
			UNION ALL
			SELECT (SELECT min(keep) FROM invocations INDEXED BY invocations_ended WHERE finished > 0 AND keep > ended.keep)
			FROM ended WHERE ended.keep IS NOT NULL
		) SELECT keep FROM ended WHERE keep IS NOT NULL`) {
		if err != nil {
			return nil, err
		}
		var keep int64
		if err := row.Scan(&keep); err != nil {
			return nil, err
		}
		keeps = append(keeps, keep)
	}
	return keeps, nil
}

// selectOld selects old rows that were kept for the same time. Without the name of its index, SQLite
// reads all pending deliveries for each row.
const selectOld = selectRecord + ` INDEXED BY invocations_ended WHERE finished > 0 AND keep = ? AND finished < ? AND watched = 0
	AND (key IS NULL OR (finished < ? AND created < ? - max(?, key_keep)))
	AND NOT EXISTS (SELECT 1 FROM deliveries INDEXED BY deliveries_by_invocation WHERE invocation = invocations.id AND state = 'pending' AND created > ?)
	AND (execution IS NULL OR usage <> '' OR finished < ?)
	ORDER BY finished LIMIT ?`

// tidy removes old rows among those that are kept for the same time; 0 is the default.
func tidy(tx *sqlite.Tx, stored int64, now time.Time, keep time.Duration, limit int) (int, error) {
	if stored > 0 {
		keep = time.Duration(stored) * time.Microsecond
	}
	old, err := records(tx, selectOld, stored, micros(now.Add(-keep)),
		micros(now.Add(-ledger.KeyAfterEnd)), micros(now), ledger.KeyAfterAcceptance.Microseconds(), micros(now.Add(-ledger.DeliveryKept)),
		micros(now.Add(-ledger.SettleWithin)), limit)
	if err != nil {
		return 0, err
	}
	for _, r := range old {
		if err := remove(tx, r); err != nil {
			return 0, err
		}
	}
	return len(old), nil
}
