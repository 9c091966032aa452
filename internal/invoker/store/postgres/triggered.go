package postgres

import (
	"context"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// Triggered implements [store.Store].
func (s *Store) Triggered(ctx context.Context, q store.EventQuery) (found []ledger.Record, err error) {
	query, args := listBy(q.Invocations(), "")
	err = s.ask(ctx, "list the invocations of triggers", func(t tx) (err error) {
		found, err = records(t, query, args...)
		return err
	})
	return found, err
}
