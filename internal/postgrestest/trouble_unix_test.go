//go:build unix

package postgrestest_test

import (
	"errors"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/runwith/runwith/internal/postgrestest"
)

// code returns PostgreSQL's code of an error, or the error's text.
func code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// write writes into a database, in a connection of its own, and returns the code of its error.
func write(t *testing.T, address string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		return code(err)
	}
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), "CREATE TABLE IF NOT EXISTS written ()")
	return code(err)
}

func TestTrouble(t *testing.T) {
	t.Parallel()
	c := postgrestest.Start(t, postgrestest.Options{})
	address := c.Database(t)
	for _, test := range []struct {
		name      string
		begin     func()
		end       func()
		wantWrite string
	}{
		{"read-only", func() { c.ReadOnly(t, true) }, func() { c.ReadOnly(t, false) }, "25006"},
		{"no connection", func() { c.LimitConnections(t, 0) }, func() { c.LimitConnections(t, -1) }, "53300"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.begin()
			if got := write(t, address); got != test.wantWrite {
				t.Errorf("a write in this trouble fails with %q, want %q", got, test.wantWrite)
			}
			test.end()
			if got := write(t, address); got != "" {
				t.Errorf("a write afterwards fails with %q", got)
			}
		})
	}
}

func TestDisconnect(t *testing.T) {
	t.Parallel()
	c := postgrestest.Start(t, postgrestest.Options{})
	conn, err := pgx.Connect(t.Context(), c.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	c.Disconnect(t)
	if _, err := conn.Exec(t.Context(), "SELECT 1"); code(err) != "57P01" {
		t.Errorf("a command after the end of the connection = %v, want code 57P01", err)
	}
}

func TestRequireTLS(t *testing.T) {
	t.Parallel()
	c := postgrestest.Start(t, postgrestest.Options{})
	address := c.Database(t)
	certificate := c.RequireTLS(t)
	for mode, want := range map[string]string{"disable": "28000", "require": "", "verify-full": ""} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		query := url.Values{"sslmode": {mode}}
		if mode == "verify-full" {
			query.Set("sslrootcert", certificate)
		}
		u.RawQuery = query.Encode()
		if got := write(t, u.String()); got != want {
			t.Errorf("a write with sslmode %s fails with %q, want %q", mode, got, want)
		}
	}
}
