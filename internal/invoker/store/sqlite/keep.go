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
			if _, err := tx.Exec(insertRecord, values(r)...); err != nil {
				return nil, err
			}
			added = append(added, r)
		}
		return added, nil
	})
}

// Tidy implements [store.Store].
func (s *Store) Tidy(ctx context.Context, now, before time.Time, limit int) (n int, err error) {
	_, err = s.write(ctx, "remove old invocations", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		old, err := records(tx, selectRecord+` INDEXED BY invocations_ended WHERE finished > 0 AND finished < ? AND watched = 0
			AND (key IS NULL OR (finished < ? AND created < ?)) ORDER BY finished LIMIT ?`,
			micros(before), micros(now.Add(-ledger.KeyAfterEnd)), micros(now.Add(-ledger.KeyAfterAcceptance)), limit)
		if err != nil {
			return nil, err
		}
		for _, r := range old {
			if _, err := tx.Exec(`DELETE FROM twins WHERE invocation = ?`, r.ID); err != nil {
				return nil, err
			}
			if _, err := tx.Exec(`DELETE FROM invocations WHERE id = ? AND finished > 0`, r.ID); err != nil {
				return nil, err
			}
		}
		n = len(old)
		return nil, nil
	})
	return n, err
}
