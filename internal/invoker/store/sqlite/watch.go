package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/sqlite"
)

// WatchedJobs implements [store.Store].
func (s *Store) WatchedJobs(ctx context.Context) (jobs []string, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) error {
		jobs, err = texts(tx, `SELECT DISTINCT target FROM invocations INDEXED BY invocations_watched WHERE watched = 1`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read watched jobs: %w", err)
	}
	return jobs, nil
}

// Watched implements [store.Store].
func (s *Store) Watched(ctx context.Context, target string) (found []ledger.Record, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) (err error) {
		found, err = records(tx, selectRecord+` INDEXED BY invocations_watched WHERE target = ? AND watched = 1 ORDER BY id`, target)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read watched invocations of job %s: %w", target, err)
	}
	return found, nil
}

// Cancels implements [store.Store].
func (s *Store) Cancels(ctx context.Context, now time.Time, limit int) (due []ledger.Record, next time.Time, err error) {
	const wanted = ` INDEXED BY invocations_cancels WHERE state = 'running' AND cancel_at > 0`
	err = s.db.Read(ctx, func(tx *sqlite.Tx) (err error) {
		due, err = records(tx, selectRecord+wanted+` AND not_before <= ? ORDER BY not_before LIMIT ?`, micros(now), limit)
		if err != nil {
			return err
		}
		next, err = earliest(tx, `SELECT min(not_before) FROM invocations`+wanted+` AND not_before > ?`, now)
		return err
	})
	if err != nil {
		return nil, next, fmt.Errorf("read due cancels: %w", err)
	}
	return due, next, nil
}

// AddTwin implements [store.Store].
func (s *Store) AddTwin(ctx context.Context, t store.Twin) (added bool, err error) {
	_, err = s.write(ctx, "count a twin", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		n, err := tx.Exec(`INSERT INTO twins (execution, invocation, found, not_before, cancelled) VALUES (?, ?, ?, ?, 0)
			ON CONFLICT (execution) DO NOTHING`, t.Execution, t.Invocation, micros(t.Found), micros(t.Found))
		if added = n == 1; !added {
			return nil, err
		}
		r, err := scan(tx.QueryRow(selectRecord+` WHERE id = ?`, t.Invocation))
		return []ledger.Record{r}, err
	})
	return added, err
}

// TwinsDue implements [store.Store].
func (s *Store) TwinsDue(ctx context.Context, now time.Time, limit int) (due []store.Twin, next time.Time, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) error {
		for row, err := range tx.Query(`SELECT execution, invocation, found FROM twins
			WHERE cancelled = 0 AND not_before <= ? ORDER BY not_before LIMIT ?`, micros(now), limit) {
			if err != nil {
				return err
			}
			var (
				t     store.Twin
				found int64
			)
			if err := row.Scan(&t.Execution, &t.Invocation, &found); err != nil {
				return err
			}
			t.Found = fromMicros(found)
			due = append(due, t)
		}
		next, err = earliest(tx, `SELECT min(not_before) FROM twins WHERE cancelled = 0 AND not_before > ?`, now)
		return err
	})
	if err != nil {
		return nil, next, fmt.Errorf("read twins: %w", err)
	}
	return due, next, nil
}

// PostponeTwin implements [store.Store].
func (s *Store) PostponeTwin(ctx context.Context, execution string, next time.Time) error {
	_, err := s.write(ctx, "postpone a twin", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		_, err := tx.Exec(`UPDATE twins SET not_before = ?, cancelled = ? WHERE execution = ?`, micros(next), next.IsZero(), execution)
		return nil, err
	})
	return err
}
