package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// Find implements [store.Store].
func (s *Store) Find(ctx context.Context, id string) (ledger.Record, error) {
	return s.find(ctx, fmt.Sprintf("invocation %q", id), ` WHERE id = $1`, id)
}

// FindKey implements [store.Store].
func (s *Store) FindKey(ctx context.Context, owner, key string) (ledger.Record, error) {
	return s.find(ctx, "invocation with this key", ` WHERE owner = $1 AND key = $2`, owner, key)
}

func (s *Store) find(ctx context.Context, what, where string, args ...any) (ledger.Record, error) {
	return one(ctx, s, what, scan, selectRecord+where, args...)
}

// one reads the only row of a query, or returns NOT_FOUND.
func one[T any](ctx context.Context, s *Store, what string, scan func(pgx.Row) (T, error), sql string, args ...any) (found T, err error) {
	err = s.ask(ctx, "find "+what, func(t tx) (err error) {
		found, err = scan(t.row(sql, args...))
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return found, store.NotFound(what)
	}
	return found, err
}
