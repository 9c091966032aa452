//go:build unix

package postgres

import (
	"context"
	"testing"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/postgrestest"
)

// openEmpty opens a store in a database of its own.
func openEmpty(t *testing.T) *Store {
	t.Helper()
	return openOn(t, newDatabase(t))
}

// newDatabase creates a database with the tables of a store.
func newDatabase(t *testing.T) (url string) {
	t.Helper()
	return postgrestest.Copy(t, "store", func(ctx context.Context, url string) error {
		_, err := Migrate(ctx, Options{URL: url})
		return err
	})
}

// openOn opens a store on a database, as one of several processes.
func openOn(t *testing.T, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{URL: url, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// add stores records as they are.
func add(t *testing.T, s *Store, all ...ledger.Record) {
	t.Helper()
	_, err := s.write(t.Context(), "add records", func(t tx) ([]ledger.Record, error) {
		for _, r := range all {
			if err := insert(t, r); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
