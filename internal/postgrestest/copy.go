package postgrestest

import (
	"context"
	"testing"

	"github.com/runwith/runwith/internal/testneed"
)

// Prepare fills an empty database. It must leave no connection open.
type Prepare func(ctx context.Context, address string) error

// Copy creates a database for a test, as [Database] does, with what prepare puts into one. All tests of
// a process that use the same name get copies of one original, because a copy costs less than the
// statements that made it. The name is part of an SQL identifier.
func Copy(t testing.TB, name string, prepare Prepare) (address string) {
	t.Helper()
	if testneed.Postgres() != "" { // nobody would drop the original
		address = Database(t)
		if err := prepare(t.Context(), address); err != nil {
			t.Fatalf("prepare a database: %v", err)
		}
		return address
	}
	c, err := shared()
	need(t, err)
	original := "original_" + name
	if err := c.original(original, prepare); err != nil {
		t.Fatalf("prepare the database that tests copy: %v", err)
	}
	return database(t, c.admin(), c.address(), " TEMPLATE "+original)
}

// original makes the database that tests copy, if it is not there yet.
func (c *Cluster) original(name string, prepare Prepare) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err, made := c.originals[name]; made {
		return err
	}
	address, err := c.NewDatabase(name)
	if err == nil {
		err = prepare(context.Background(), address)
	}
	if c.originals == nil {
		c.originals = map[string]error{}
	}
	c.originals[name] = err
	return err
}
