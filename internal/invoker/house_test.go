package invoker

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/store/postgres"
	"github.com/runwith/runwith/internal/postgrestest"
)

// house is where a test keeps its rows.
type house struct {
	// store opens the rows as the next process does. It works only below in, and the test closes the
	// store with its end, if nothing has closed it before.
	store func(t *testing.T) store.Store
	// slow is how many times less work is done: in each second of the fake clock, an invoker looks at
	// PostgreSQL many times.
	slow int
}

// many returns a large number, which is smaller in PostgreSQL.
func (h house) many(n int) int { return n / h.slow }

// inBoth runs a test with a fake clock on each kind of store.
func inBoth(t *testing.T, f func(t *testing.T, h house)) {
	t.Helper()
	t.Parallel()
	for name, build := range houses() {
		t.Run(name, func(t *testing.T) {
			h := build(t)
			in(t, func(t *testing.T) { f(t, h) })
		})
	}
}

// houses returns how to make an empty house of each kind.
func houses() map[string]func(t *testing.T) house {
	return map[string]func(t *testing.T) house{
		"SQLite":     func(t *testing.T) house { return inSQLite(filepath.Join(t.TempDir(), "invoker.db")) },
		"PostgreSQL": inPostgreSQL,
	}
}

func inSQLite(path string) house {
	return house{func(t *testing.T) store.Store { return openStore(t, path) }, 1}
}

// inPostgreSQL makes a database whose clock is the fake one.
func inPostgreSQL(t *testing.T) house {
	t.Helper()
	return inDatabase(newDatabase(t))
}

// newDatabase makes a database with tables and a clock that follows the fake one.
func newDatabase(t *testing.T) (address string) {
	t.Helper()
	address = postgrestest.Copy(t, "store", func(ctx context.Context, address string) error {
		_, err := postgres.Migrate(ctx, postgres.Options{URL: address})
		return err
	})
	postgrestest.FakeClock(t, address)
	return address
}

// inDatabase is for a database with a clock that follows the fake one.
func inDatabase(address string) house {
	return house{func(t *testing.T) store.Store { return openTimed(t, address) }, 10}
}

// timed is a store in PostgreSQL in a test with a fake clock, which the database's clock follows.
type timed struct {
	*postgres.Store
	clock *postgrestest.Clock
	close func() error
}

// A store reads the database's clock when it is opened and every ten seconds. The database's clock
// is set as often, a moment before.
const (
	setEvery = 10 * time.Second
	moment   = time.Millisecond
)

func openTimed(t *testing.T, address string) *timed {
	t.Helper()
	clock, err := postgrestest.OpenClock(t.Context(), address)
	if err == nil {
		err = clock.Set(time.Now())
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { follow(ctx, t, clock) })
	time.Sleep(moment)
	s, err := postgres.Open(t.Context(), postgres.Options{URL: address, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	closed := sync.OnceValue(func() error {
		err := s.Close()
		cancel()
		work.Wait()
		return errors.Join(err, clock.Close())
	})
	t.Cleanup(func() { _ = closed() })
	return &timed{s, clock, closed}
}

// follow sets the database's clock to the fake one until ctx is done.
func follow(ctx context.Context, t *testing.T, clock *postgrestest.Clock) {
	ticker := time.NewTicker(setEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := clock.Set(time.Now()); err != nil {
				t.Errorf("set the database's clock: %v", err)
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// Hold sets the database's clock, which decides about leases. The store's is as much behind.
func (s *timed) Hold(ctx context.Context, name string, period time.Duration) (int64, error) {
	if err := s.clock.Set(time.Now().Add(-moment)); err != nil {
		return 0, err
	}
	return s.Store.Hold(ctx, name, period)
}

// Close may be called more than once.
func (s *timed) Close() error { return s.close() }
