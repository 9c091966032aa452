package sqlite

import (
	"context"
	"errors"
	"fmt"
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
			if err := s.insert(tx, r); err != nil {
				return nil, err
			}
			added = append(added, r)
		}
		return added, nil
	})
}

// Tidy implements [store.Store]. It looks for old rows without the writer, because it may pass many
// that must stay.
func (s *Store) Tidy(ctx context.Context, now time.Time, keep time.Duration, limit int) (n int, err error) {
	old, err := s.old(ctx, now, keep, limit)
	if err != nil {
		return 0, fmt.Errorf("look for old invocations: %w", err)
	}
	_, err = s.write(ctx, "remove old invocations", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		n = 0
		if err := tidyBudgetDeliveries(tx, now, limit); err != nil {
			return nil, err
		}
		for _, o := range old {
			removed, err := s.removeOld(tx, o, now, keep)
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

// oldRow is a row that may be removed.
type oldRow struct {
	id             string
	keep, finished int64 // as they are stored
}

// old returns rows that may be removed, those with the earliest end first for each time that rows are
// kept. A full batch goes on where the batch before ended: the rows before that must stay.
func (s *Store) old(ctx context.Context, now time.Time, keep time.Duration, limit int) (all []oldRow, err error) {
	s.tidying.Lock()
	defer s.tidying.Unlock()
	err = s.db.Read(ctx, func(tx *sqlite.Tx) error {
		keeps, err := keptFor(tx)
		for _, k := range keeps {
			if len(all) == limit {
				break
			}
			some, err := s.oldOf(tx, k, oldArgs(k, now, keep), limit-len(all))
			if err != nil {
				return err
			}
			all = append(all, some...)
		}
		return err
	})
	return all, err
}

// oldOf returns old rows that are kept for the same time. If few are left behind the last batch, it
// looks from the beginning again.
func (s *Store) oldOf(tx *sqlite.Tx, stored int64, args []any, limit int) ([]oldRow, error) {
	from := s.tidied[stored]
	some, err := oldFrom(tx, from, args, limit)
	if err == nil && from > 0 && len(some) < limit {
		some, err = oldFrom(tx, 0, args, limit)
	}
	delete(s.tidied, stored)
	if err == nil && len(some) == limit {
		s.tidied[stored] = some[limit-1].finished
	}
	return some, err
}

// oldFrom returns old rows that are kept for the same time and have ended at a time or later.
func oldFrom(tx *sqlite.Tx, from int64, args []any, limit int) (some []oldRow, err error) {
	for row, err := range tx.Query(selectOld, append(args, from, limit)...) {
		if err != nil {
			return nil, err
		}
		var o oldRow
		if err := row.Scan(&o.id, &o.keep, &o.finished); err != nil {
			return nil, err
		}
		some = append(some, o)
	}
	return some, nil
}

// isOld is the condition of rows that were kept for long enough. Without the name of its index, SQLite
// reads all pending deliveries for each row.
const isOld = `finished > 0 AND keep = ?1 AND finished < ?2 AND watched = 0
	AND (key IS NULL OR (finished < ?3 AND created < ?4 - max(?5, key_keep)))
	AND NOT EXISTS (SELECT 1 FROM deliveries INDEXED BY deliveries_by_invocation WHERE invocation = invocations.id AND state = 'pending' AND created > ?6)
	AND (execution IS NULL OR usage <> '' OR finished < ?7)`

// selectOld selects old rows that were kept for the same time, the earliest end first.
const selectOld = `SELECT id, keep, finished FROM invocations INDEXED BY invocations_ended WHERE ` + isOld + ` AND finished >= ?8 ORDER BY finished LIMIT ?9`

// oldArgs are the arguments of isOld. Of the times that rows are kept, 0 is the default.
func oldArgs(stored int64, now time.Time, keep time.Duration) []any {
	if stored > 0 {
		keep = time.Duration(stored) * time.Microsecond
	}
	return []any{stored, micros(now.Add(-keep)),
		micros(now.Add(-ledger.KeyAfterEnd)), micros(now), ledger.KeyAfterAcceptance.Microseconds(), micros(now.Add(-ledger.DeliveryKept)),
		micros(now.Add(-ledger.SettleWithin))}
}

// removeOld removes a row if it is still old, and returns how many were removed.
func (s *Store) removeOld(tx *sqlite.Tx, o oldRow, now time.Time, keep time.Duration) (int, error) {
	r, err := scan(tx.QueryRow(selectRecord+` WHERE `+isOld+` AND id = ?8`, append(oldArgs(o.keep, now, keep), o.id)...))
	if errors.Is(err, sqlite.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return 1, s.remove(tx, r)
}
