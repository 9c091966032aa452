package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// Find implements [store.Store].
func (s *Store) Find(ctx context.Context, id string) (ledger.Record, error) {
	return one(s.asks(ctx, fmt.Sprintf("invocation %q", id)), scan, selectRecord+` WHERE id = $1`, id)
}

// FindKey implements [store.Store].
func (s *Store) FindKey(ctx context.Context, owner, key string) (ledger.Record, error) {
	return one(s.asks(ctx, "invocation with this key"), scan, selectRecord+` WHERE owner = $1 AND key = $2`, owner, key)
}

// asks returns how to ask for something that there may be once: the error is NOT_FOUND if there is
// none.
func (s *Store) asks(ctx context.Context, what string) func(func(t tx) error) error {
	return func(f func(t tx) error) error {
		err := s.ask(ctx, "find "+what, f)
		if errors.Is(err, pgx.ErrNoRows) {
			return store.NotFound(what)
		}
		return err
	}
}

// one reads the only row of a query.
func one[T any](ask func(func(t tx) error) error, scan func(pgx.Row) (T, error), sql string, args ...any) (found T, err error) {
	err = ask(func(t tx) (err error) {
		found, err = scan(t.row(sql, args...))
		return err
	})
	return found, err
}

// Outstanding implements [store.Store].
func (s *Store) Outstanding(ctx context.Context) (store.Outstanding, error) {
	found := store.Outstanding{}
	err := s.ask(ctx, "count the outstanding invocations", func(t tx) error {
		clear(found)
		rows, err := t.Query(t.ctx, `SELECT CASE WHEN asleep AND `+isWaiting+` THEN $1 ELSE state END AS counted, count(*)
			FROM invocations WHERE `+isOutstanding+` AND finished = 'epoch' GROUP BY counted`, string(store.Later))
		if err != nil {
			return err
		}
		var (
			state runwith.State
			n     int
		)
		_, err = pgx.ForEachRow(rows, []any{&state, &n}, func() error {
			found[state] = n
			return nil
		})
		return err
	})
	return found, err
}

// OldestWaiting implements [store.Store].
func (s *Store) OldestWaiting(ctx context.Context) (at time.Time, err error) {
	const first = `SELECT created AS since FROM invocations WHERE start_at = 'epoch' AND ` + isOutstanding
	err = s.ask(ctx, "look for the oldest waiting invocation", func(t tx) error {
		var firsts strings.Builder
		for _, state := range ledger.Waiting() {
			fmt.Fprintf(&firsts, `(%s AND state BETWEEN '%s' AND '%[2]s' ORDER BY state, id LIMIT 1) UNION ALL `, first, state)
		}
		at, err = earliest(t, `SELECT min(since) FROM (`+firsts.String()+`
			SELECT min(greatest(created, start_at)) FROM invocations WHERE NOT asleep AND `+isLater+`) AS waiting`)
		return err
	})
	return at, err
}
