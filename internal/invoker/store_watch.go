package invoker

import (
	"context"
	"fmt"
	"time"

	"github.com/runwith/runwith/internal/sqlite"
)

// WatchedJobs implements [Watches].
func (s *sqliteStore) WatchedJobs(ctx context.Context) (jobs []string, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) error {
		for row, err := range tx.Query(`SELECT DISTINCT job FROM invocations INDEXED BY invocations_watched WHERE watched = 1`) {
			if err != nil {
				return err
			}
			var job string
			if err := row.Scan(&job); err != nil {
				return err
			}
			jobs = append(jobs, job)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read jobs that are watched: %w", err)
	}
	return jobs, nil
}

// Watched implements [Watches].
func (s *sqliteStore) Watched(ctx context.Context, job string) (found []Record, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) (err error) {
		found, err = records(tx, selectRecord+` INDEXED BY invocations_watched WHERE job = ? AND watched = 1 ORDER BY id`, job)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what is watched of job %s: %w", job, err)
	}
	return found, nil
}

// Lapse implements [Watches].
func (s *sqliteStore) Lapse(ctx context.Context, now time.Time, settle time.Duration) ([]Record, error) {
	return s.write(ctx, "look for leases that have ended", func(tx *sqlite.Tx) ([]Record, error) {
		lapsed, err := records(tx, selectRecord+` WHERE state = 'starting' AND search_from = 0 AND lease_until <= ?`, micros(now))
		if err != nil {
			return nil, err
		}
		if lapsed, err = moveAll(tx, lapsed, func(r Record) Record { return r.unknown(settle) }); err != nil {
			return nil, err
		}
		_, err = tx.Exec(`UPDATE invocations INDEXED BY invocations_watched
			SET watch_until = 0, watched = (state = 'running' OR search_from > 0), version = version + 1
			WHERE watched = 1 AND watch_until BETWEEN 1 AND ?`, micros(now))
		return lapsed, err
	})
}

// Cancels implements [Watches].
func (s *sqliteStore) Cancels(ctx context.Context, now time.Time, limit int) (due []Record, next time.Time, err error) {
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
		return nil, next, fmt.Errorf("read what is to be cancelled: %w", err)
	}
	return due, next, nil
}

// earliest reads a time after now that may not be there.
func earliest(tx *sqlite.Tx, query string, now time.Time) (time.Time, error) {
	var at *int64
	if err := tx.QueryRow(query, micros(now)).Scan(&at); err != nil || at == nil {
		return time.Time{}, err
	}
	return fromMicros(*at), nil
}

// AddTwin implements [Twins].
func (s *sqliteStore) AddTwin(ctx context.Context, t Twin) (added bool, err error) {
	_, err = s.write(ctx, "count a twin", func(tx *sqlite.Tx) ([]Record, error) {
		n, err := tx.Exec(`INSERT INTO twins (execution, invocation, found, not_before, cancelled) VALUES (?, ?, ?, ?, 0)
			ON CONFLICT (execution) DO NOTHING`, t.Execution, t.Invocation, micros(t.Found), micros(t.Found))
		if added = n == 1; !added {
			return nil, err
		}
		r, err := scan(tx.QueryRow(selectRecord+` WHERE id = ?`, t.Invocation))
		return []Record{r}, err
	})
	return added, err
}

// TwinsDue implements [Twins].
func (s *sqliteStore) TwinsDue(ctx context.Context, now time.Time, limit int) (due []Twin, next time.Time, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) error {
		for row, err := range tx.Query(`SELECT execution, invocation, found FROM twins
			WHERE cancelled = 0 AND not_before <= ? ORDER BY not_before LIMIT ?`, micros(now), limit) {
			if err != nil {
				return err
			}
			var (
				t     Twin
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

// PostponeTwin implements [Twins].
func (s *sqliteStore) PostponeTwin(ctx context.Context, execution string, next time.Time) error {
	_, err := s.write(ctx, "postpone a twin", func(tx *sqlite.Tx) ([]Record, error) {
		_, err := tx.Exec(`UPDATE twins SET not_before = ?, cancelled = ? WHERE execution = ?`, micros(next), next.IsZero(), execution)
		return nil, err
	})
	return err
}
