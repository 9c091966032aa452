package invoker

import (
	"context"
	"fmt"
	"time"

	"github.com/runwith/runwith/internal/sqlite"
)

// Empty implements [Keeping].
func (s *sqliteStore) Empty(ctx context.Context) (empty bool, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) error {
		return tx.QueryRow(`SELECT NOT EXISTS (SELECT 1 FROM invocations)`).Scan(&empty)
	})
	if err != nil {
		return false, fmt.Errorf("look for invocations: %w", err)
	}
	return empty, nil
}

// Import implements [Keeping].
func (s *sqliteStore) Import(ctx context.Context, read []Record) ([]Record, error) {
	return s.write(ctx, "import invocations", func(tx *sqlite.Tx) (added []Record, err error) {
		for _, r := range read {
			var known bool
			err := tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM invocations WHERE id = ? OR execution = ?)
				OR EXISTS (SELECT 1 FROM twins WHERE execution = ?)`, r.ID, r.Execution, r.Execution).Scan(&known)
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
			if _, err := tx.Exec(insertRecord, r.values()...); err != nil {
				return nil, err
			}
			added = append(added, r)
		}
		return added, nil
	})
}

// Tidy implements [Keeping].
func (s *sqliteStore) Tidy(ctx context.Context, now, before time.Time, limit int) (n int, err error) {
	_, err = s.write(ctx, "remove old invocations", func(tx *sqlite.Tx) ([]Record, error) {
		old, err := records(tx, selectRecord+` INDEXED BY invocations_ended WHERE finished > 0 AND finished < ? AND watched = 0
			AND (key IS NULL OR (finished < ? AND created < ?)) ORDER BY finished LIMIT ?`,
			micros(before), micros(now.Add(-keyAfterEnd)), micros(now.Add(-keyAfterAcceptance)), limit)
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
