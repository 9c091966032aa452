//go:build unix

package postgres

import (
	"testing"

	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/store/storetest"
	"github.com/runwith/runwith/internal/testneed"
)

func TestPostgres(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return openEmpty(t) })
}

func TestPostgresShared(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	storetest.RunShared(t, func(t *testing.T) storetest.Open {
		url := newDatabase(t)
		return func(t *testing.T) store.Store { return openOn(t, url) }
	})
}

// TestPostgresCopy recovers stores that were moved from another cluster.
func TestPostgresCopy(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	storetest.RunRecover(t, func(t *testing.T) store.Store {
		s := openEmpty(t)
		if _, err := s.pool.Exec(t.Context(), `INSERT INTO installation (system, rebuilt) VALUES ('another', true)`); err != nil {
			t.Fatal(err)
		}
		return s
	})
}
