//go:build unix

package postgres

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/postgrestest"
	"github.com/runwith/runwith/internal/testneed"
)

// trouble is what happens to a database that a store uses.
type trouble struct {
	begin, end func()
	// write and read are in the errors of the store meanwhile. Empty: it works.
	write, read string
}

// makeTrouble makes a server and a way to trouble it. It returns the URL of its database.
type makeTrouble = func(t *testing.T) (address string, what trouble)

// onServer makes trouble for a whole server.
func onServer(write, read string, begin, end func(*postgrestest.Cluster, testing.TB)) makeTrouble {
	return func(t *testing.T) (string, trouble) {
		c := postgrestest.Start(t, postgrestest.Options{})
		return c.Database(t), trouble{func() { begin(c, t) }, func() { end(c, t) }, write, read}
	}
}

const (
	unreachable = "the database cannot be reached"
	silent      = "the database did not answer in time"
)

func troubles() map[string]makeTrouble {
	return map[string]makeTrouble{
		"stopped": onServer(unreachable, unreachable, (*postgrestest.Cluster).Stop, (*postgrestest.Cluster).Restart),
		"killed":  onServer(unreachable, unreachable, (*postgrestest.Cluster).Kill, (*postgrestest.Cluster).Restart),
		"paused":  onServer(silent, silent, (*postgrestest.Cluster).Pause, (*postgrestest.Cluster).Resume),
		"read-only": onServer("the database is read-only", "",
			func(c *postgrestest.Cluster, t testing.TB) { c.ReadOnly(t, true) },
			func(c *postgrestest.Cluster, t testing.TB) { c.ReadOnly(t, false) }),
		"out of connections": onServer("the database has no free connection", "the database has no free connection",
			func(c *postgrestest.Cluster, t testing.TB) { c.LimitConnections(t, 0); c.Disconnect(t) },
			func(c *postgrestest.Cluster, t testing.TB) { c.LimitConnections(t, -1) }),
		"stopped behind a pooler": func(t *testing.T) (string, trouble) {
			c := postgrestest.Start(t, postgrestest.Options{})
			const either = "the database" // the pooler waits for the database first, and then ends connections
			return postgrestest.PgBouncer(t, c.Database(t)), trouble{func() { c.Stop(t) }, func() { c.Restart(t) }, either, either}
		},
		"full disk": func(t *testing.T) (string, trouble) {
			disk, fill, empty := testneed.SmallDiskOf(t, 96)
			c := postgrestest.Start(t, postgrestest.Options{Disk: disk})
			return c.Database(t), trouble{fill, empty, "the database's disk is full", ""}
		},
		"network loses all": func(t *testing.T) (string, trouble) {
			r := postgrestest.NewRelay(t, postgrestest.Database(t))
			return r.Address, trouble{r.Hold, r.Pass, silent, silent}
		},
	}
}

// TestTrouble checks that a store in trouble names the cause, and works again when it is over.
func TestTrouble(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	for name, start := range troubles() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, what := start(t)
			s := openOn(t, address)
			large := make([]byte, 1<<20) // fills a page that a full disk has no room for
			_, _ = rand.Read(large)
			write := func(ctx context.Context) error { _, err := s.Secret(ctx, rand.Text(), large); return err }
			read := func(ctx context.Context) error { _, err := s.Origin(ctx); return err }

			what.begin()
			wantTrouble(t, "write", what.write, write)
			wantTrouble(t, "read", what.read, read)
			what.end()
			eventually.NoError(t, func() error { return write(t.Context()) })
			if err := read(t.Context()); err != nil {
				t.Errorf("read afterwards = %v", err)
			}
		})
	}
}

// wantTrouble makes a call that must fail as UNAVAILABLE, with a cause; if there is none, it must
// succeed.
func wantTrouble(t *testing.T, what, cause string, call func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	err := call(ctx)
	if cause == "" {
		if err != nil {
			t.Errorf("%s = %v, want no error", what, err)
		}
		return
	}
	if runwith.CodeOf(err) != runwith.Unavailable || !strings.Contains(err.Error(), cause) {
		t.Errorf("%s = %v (%v), want UNAVAILABLE: %s", what, err, runwith.CodeOf(err), cause)
	}
}
