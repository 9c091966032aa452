package postgrestest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Clock is the clock of one database, which shows what the test sets. So a database fits into a test
// with a fake clock (testing/synctest). Its methods may be called concurrently.
type Clock struct {
	mu   sync.Mutex
	conn *pgx.Conn
}

// ownClock replaces the functions of a database that a fake clock cannot do without. A connection
// that waits for notifications never lets fake time pass, so the database looks as if a pooler
// stood before it: it names a process that no client knows.
const ownClock = `
CREATE TABLE fake_clock (shows timestamptz NOT NULL);
INSERT INTO fake_clock VALUES ('epoch');
CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT shows FROM public.fake_clock';
CREATE FUNCTION pg_backend_pid() RETURNS integer LANGUAGE sql STABLE AS 'SELECT 0';
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database()); END $$`

// FakeClock gives a new database a clock that a test sets. Call it outside of the test's bubble, and
// before a program opens the database.
func FakeClock(t testing.TB, address string) {
	t.Helper()
	Exec(t, address, ownClock)
}

// OpenClock connects to the clock of a database that [FakeClock] has prepared. The caller closes it.
func OpenClock(ctx context.Context, address string) (*Clock, error) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return nil, err
	}
	_, err = conn.Exec(ctx, "SET synchronous_commit = off") // a crash of the server may set it back
	return &Clock{conn: conn}, err
}

// Set makes the clock show a time.
func (c *Clock) Set(now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.conn.Exec(context.Background(), "UPDATE public.fake_clock SET shows = $1", now)
	return err
}

// Close ends the connection. The clock stands still.
func (c *Clock) Close() error { return c.conn.Close(context.Background()) }
