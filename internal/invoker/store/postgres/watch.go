package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// WatchedJobs implements [store.Store].
func (s *Store) WatchedJobs(ctx context.Context) (jobs []string, err error) {
	err = s.ask(ctx, "read watched jobs", func(t tx) (err error) {
		jobs, err = t.texts(distinct("invocations", "target", "watched"))
		return err
	})
	return jobs, err
}

// Watched implements [store.Store].
func (s *Store) Watched(ctx context.Context, target string) (found []ledger.Record, err error) {
	err = s.ask(ctx, fmt.Sprintf("read watched invocations of job %s", target), func(t tx) (err error) {
		found, err = records(t, selectRecord+` WHERE target = $1 AND watched ORDER BY target, id`, target)
		return err
	})
	return found, err
}

// Cancels implements [store.Store].
func (s *Store) Cancels(ctx context.Context, now time.Time, limit int) (due []ledger.Record, next time.Time, err error) {
	const wanted = ` WHERE state = 'running' AND cancel_at > 'epoch'`
	err = s.ask(ctx, "read due cancels", func(t tx) (err error) {
		if due, err = records(t, selectRecord+wanted+` AND not_before <= $1 ORDER BY not_before LIMIT $2`, stamp(now), limit); err != nil {
			return err
		}
		next, err = earliest(t, `SELECT min(not_before) FROM invocations`+wanted+` AND not_before > $1`, stamp(now))
		return err
	})
	return due, next, err
}

// AddTwin implements [store.Store].
func (s *Store) AddTwin(ctx context.Context, twin store.Twin) (added bool, err error) {
	_, err = s.write(ctx, "count a twin", func(t tx) ([]ledger.Record, error) {
		n, err := t.exec(`INSERT INTO twins (execution, invocation, found, not_before, cancelled) VALUES ($1, $2, $3, $3, false)
			ON CONFLICT (execution) DO NOTHING`, twin.Execution, twin.Invocation, stamp(twin.Found))
		if added = n == 1; !added {
			return nil, err
		}
		r, err := scan(t.row(selectRecord+` WHERE id = $1`, twin.Invocation))
		return []ledger.Record{r}, err
	})
	return added, err
}

// TwinsDue implements [store.Store].
func (s *Store) TwinsDue(ctx context.Context, now time.Time, limit int) (due []store.Twin, next time.Time, err error) {
	scanTwin := func(row pgx.Row) (twin store.Twin, err error) {
		err = row.Scan(&twin.Execution, &twin.Invocation, (*moment)(&twin.Found))
		return twin, err
	}
	err = s.ask(ctx, "read twins", func(t tx) (err error) {
		if due, err = all(t, scanTwin, `SELECT execution, invocation, found FROM twins
			WHERE NOT cancelled AND not_before <= $1 ORDER BY not_before LIMIT $2`, stamp(now), limit); err != nil {
			return err
		}
		next, err = earliest(t, `SELECT min(not_before) FROM twins WHERE NOT cancelled AND not_before > $1`, stamp(now))
		return err
	})
	return due, next, err
}

// PostponeTwin implements [store.Store].
func (s *Store) PostponeTwin(ctx context.Context, execution string, next time.Time) error {
	_, err := s.write(ctx, "postpone a twin", func(t tx) ([]ledger.Record, error) {
		_, err := t.exec(`UPDATE twins SET not_before = $1, cancelled = $2 WHERE execution = $3`, stamp(next), next.IsZero(), execution)
		return nil, err
	})
	return err
}
