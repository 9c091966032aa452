package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/runwith/runwith/internal/archive"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/store/postgres"
	"github.com/runwith/runwith/internal/invoker/store/sqlite"
	"github.com/runwith/runwith/internal/metrics"
)

// keptStore is a store with what a server shows of it.
type keptStore interface {
	store.Store
	Ready(ctx context.Context) error
	Metrics() []metrics.Metric
}

// openStore opens the store that --store names: a PostgreSQL database, or else the file in the data
// folder.
func openStore(ctx context.Context, data, where string, logger *slog.Logger) (keptStore, error) {
	if !postgres.IsURL(where) {
		return nilOr(sqlite.Open(ctx, filepath.Join(data, archive.InvokerDatabase)))
	}
	s, err := nilOr(postgres.Open(ctx, postgres.Options{URL: where, Migrate: true, Logger: logger}))
	if err != nil {
		return nil, fmt.Errorf("--store %s: %w", postgres.Redacted(where), err)
	}
	return s, nil
}

// nilOr returns no store, not a nil pointer, with an error.
func nilOr[S keptStore](s S, err error) (keptStore, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// stateIn names the place of a server's state, for people.
func stateIn(data, where string) string {
	if postgres.IsURL(where) {
		return postgres.Redacted(where)
	}
	return data
}
