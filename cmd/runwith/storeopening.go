package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/runwith/runwith/internal/archive"
	"github.com/runwith/runwith/internal/invoker/store/postgres"
)

// storeOpening opens the store of an invoker once.
type storeOpening struct {
	open  func() (keptStore, error) // later calls return the result of the first
	begun bool                      // in the background
}

// openStoreAhead begins to create the store of a new data folder, because that takes longer
// than to open the engine. The first call of open opens any other store.
func openStoreAhead(ctx context.Context, data, where string, logger *slog.Logger) *storeOpening {
	s := &storeOpening{open: sync.OnceValues(func() (keptStore, error) { return openStore(ctx, data, where, logger) })}
	s.begun = !postgres.IsURL(where) && missing(filepath.Join(data, archive.InvokerDatabase))
	if s.begun {
		go func() { _, _ = s.open() }() // whoever needs the store gets the error
	}
	return s
}

// close closes a store that was opened in the background. A store that another owner has
// closed stays as it is.
func (s *storeOpening) close() error {
	if !s.begun {
		return nil
	}
	store, err := s.open()
	if err != nil {
		return nil //nolint:nilerr // nothing is open, and the start has failed already
	}
	return store.Close()
}
