//go:build unix

package postgres

import (
	"testing"

	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/store/storetest"
	"github.com/runwith/runwith/internal/postgrestest"
	"github.com/runwith/runwith/internal/testneed"
)

// TestPostgresSharedBehindPooler runs the suite through PgBouncer, where neither prepared statements nor
// LISTEN work.
func TestPostgresSharedBehindPooler(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	storetest.RunShared(t, func(t *testing.T) storetest.Open {
		address := postgrestest.PgBouncer(t, newDatabase(t))
		return func(t *testing.T) store.Store {
			s := openOn(t, address)
			if !s.pooled {
				t.Error("the store does not notice the pooler")
			}
			return s
		}
	})
}

// TestPostgresPooled goes through PgBouncer. Statements are not prepared there, so PostgreSQL must
// derive the types of all arguments by itself.
func TestPostgresPooled(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		s := openOn(t, postgrestest.PgBouncer(t, newDatabase(t)))
		if !s.pooled {
			t.Error("the store does not notice the pooler")
		}
		return s
	})
}
