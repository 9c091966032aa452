package postgrestest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/postgrestest"
)

func connect(t *testing.T, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func TestRelayCuts(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]func(*postgrestest.Relay){
		"now":            (*postgrestest.Relay).Cut,
		"in the request": func(r *postgrestest.Relay) { r.CutAfter(10) },
		"in the answer":  func(r *postgrestest.Relay) { r.CutAfter(1000) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := postgrestest.NewRelay(t, postgrestest.Database(t))
			conn := connect(t, r.Address)
			cut(r)
			if _, err := conn.Exec(t.Context(), "SELECT repeat('x', 2000)"); err == nil {
				t.Error("a command passed a cut connection")
			}
			if err := connect(t, r.Address).Ping(t.Context()); err != nil {
				t.Errorf("a new connection: %v", err)
			}
		})
	}
}

func TestRelayHolds(t *testing.T) {
	t.Parallel()
	r := postgrestest.NewRelay(t, postgrestest.Database(t))
	conn := connect(t, r.Address)
	r.Hold()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := conn.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a ping through a relay that holds = %v, want no answer", err)
	}
	r.Pass()
	if err := connect(t, r.Address).Ping(t.Context()); err != nil {
		t.Errorf("a ping afterwards: %v", err)
	}
}
