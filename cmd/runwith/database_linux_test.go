package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/postgrestest"
	"github.com/runwith/runwith/internal/testneed"
)

// database is a PostgreSQL that can be in trouble.
type database struct {
	address    string
	begin, end func()
	cause      string // in answers meanwhile
}

// databases makes them, each in a trouble of its own.
func databases() map[string]func(t *testing.T) database {
	onServer := func(cause string, begin, end func(*postgrestest.Cluster, testing.TB)) func(t *testing.T) database {
		return func(t *testing.T) database {
			c := postgrestest.Start(t, postgrestest.Options{})
			return database{c.Database(t), func() { begin(c, t) }, func() { end(c, t) }, cause}
		}
	}
	return map[string]func(t *testing.T) database{
		"stopped": onServer("the database cannot be reached", (*postgrestest.Cluster).Stop, (*postgrestest.Cluster).Restart),
		"killed":  onServer("the database cannot be reached", (*postgrestest.Cluster).Kill, (*postgrestest.Cluster).Restart),
		"paused":  onServer("the database did not answer in time", (*postgrestest.Cluster).Pause, (*postgrestest.Cluster).Resume),
		"read-only": onServer("the database is read-only",
			func(c *postgrestest.Cluster, t testing.TB) { c.ReadOnly(t, true) },
			func(c *postgrestest.Cluster, t testing.TB) { c.ReadOnly(t, false) }),
		"out of connections": onServer("the database has no free connection",
			func(c *postgrestest.Cluster, t testing.TB) { c.LimitConnections(t, 0); c.Disconnect(t) },
			func(c *postgrestest.Cluster, t testing.TB) { c.LimitConnections(t, -1) }),
		"cut off": func(t *testing.T) database {
			r := postgrestest.NewRelay(t, postgrestest.Database(t))
			return database{r.Address, r.Hold, r.Pass, "the database did not answer in time"}
		},
		"stopped behind a pooler": func(t *testing.T) database {
			c := postgrestest.Start(t, postgrestest.Options{})
			return database{postgrestest.PgBouncer(t, c.Database(t)), func() { c.Stop(t) }, func() { c.Restart(t) }, "the database"}
		},
	}
}

// TestDatabaseTrouble checks that a server whose database is in trouble refuses work with the
// cause, and afterwards goes on with the accepted work. A job ends meanwhile.
func TestDatabaseTrouble(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			s := startHolding(t, "--store", db.address)
			accepted := s.start(t)
			s.firstLine(t, accepted)

			db.begin()
			// The first request may find a connection that has just been lost.
			s.wantUnavailable(t, http.MethodPost, "/api/v1/jobs/hold/invocations", db.cause, "the connection to the database was lost")
			s.wantUnavailable(t, http.MethodGet, "/readyz", db.cause)
			s.release(t)
			eventually.True(t, "the execution has ended", func() bool {
				return s.executionsOf(t, accepted)[0].CompletionTime != nil
			})
			db.end()

			s.checkSettled(t, accepted)
			repeated, err := s.client().RunOnce(t.Context(), "hold", refusedKey, nil)
			if err != nil {
				t.Fatal(err)
			}
			s.checkSettled(t, repeated.ID)
			if all := s.executions(t, "hold"); len(all) != 2 {
				t.Errorf("%d executions, want one of each of the two requests", len(all))
			}
		})
	}
}

// refusedKey is the key of the request that is refused, and repeated later.
const refusedKey = "refused at first"

// wantUnavailable makes a request that must be answered with 503, one of the causes, and when to try
// again.
func (s *server) wantUnavailable(t *testing.T, method, path string, causes ...string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", refusedKey)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%s %s = %s, want 503: %s", method, path, answer.Status, body)
	}
	if !slices.ContainsFunc(causes, func(cause string) bool { return strings.Contains(string(body), cause) }) {
		t.Errorf("%s %s = %s, want %q in it", method, path, body, causes)
	}
	if answer.Header.Get("Retry-After") == "" {
		t.Errorf("%s %s has no Retry-After", method, path)
	}
}

// TestFullDatabase checks the same for a database whose disk is full. It takes what fits into its
// files before it refuses.
func TestFullDatabase(t *testing.T) {
	t.Parallel()
	disk, fill, empty := testneed.SmallDiskOf(t, 96)
	c := postgrestest.Start(t, postgrestest.Options{Disk: disk})
	s := startHolding(t, "--store", c.Database(t))
	first := s.start(t)
	s.firstLine(t, first)
	fill()
	accepted := append(s.startUntilFull(t), first)
	s.wantUnavailable(t, http.MethodGet, "/readyz", diskFull)
	s.release(t)
	empty()
	accepted = append(accepted, s.start(t))
	for _, id := range accepted {
		s.checkSettled(t, id)
	}
	if all := s.executions(t, "hold"); len(all) != len(accepted) {
		t.Errorf("%d executions, want one of each of the %d accepted invocations", len(all), len(accepted))
	}
}

const diskFull = "the database's disk is full"

// startUntilFull starts hold with large requests until one is refused, and returns the invocations
// that were accepted.
func (s *server) startUntilFull(t *testing.T) (accepted []string) {
	t.Helper()
	large := make([]byte, 10<<10)
	_, _ = rand.Read(large)
	overrides := runwith.Overrides{Env: map[string]string{"LARGE": base64.StdEncoding.EncodeToString(large)}}
	client := s.client()
	refused := errors.New("refused")
	ctx, cancel := context.WithCancelCause(t.Context())
	client.Retrying = func(err error) { cancel(errors.Join(refused, err)) }
	for len(accepted) < 1000 {
		i, err := client.Run(ctx, "hold", &overrides)
		if err == nil {
			accepted = append(accepted, i.ID)
			continue
		}
		if err := context.Cause(ctx); !errors.Is(err, refused) || !strings.Contains(err.Error(), diskFull) {
			t.Fatalf("start on a full disk = %v, want %q", err, diskFull)
		}
		return accepted
	}
	t.Fatalf("a full disk took %d requests", len(accepted))
	return nil
}
