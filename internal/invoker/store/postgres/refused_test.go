//go:build unix

package postgres

import (
	"net/url"
	"strings"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/postgrestest"
)

// with returns a URL with one more parameter.
func with(t *testing.T, address, parameter, value string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set(parameter, value)
	u.RawQuery = query.Encode()
	return u.String()
}

// TestOpenRefused checks that an error of Open names the cause and the next step, and no password.
func TestOpenRefused(t *testing.T) {
	t.Parallel()
	const failedPrecondition, unavailable = runwith.FailedPrecondition, runwith.Unavailable
	for name, test := range map[string]struct {
		code runwith.Code
		want string
		// address makes the trouble, and returns the URL.
		address func(t *testing.T) string
	}{
		"not a URL":      {runwith.InvalidArgument, "invalid port", func(*testing.T) string { return "postgres://u:secret-word@h:port/d" }},
		"nobody listens": {unavailable, "connection refused", func(*testing.T) string { return "postgres://u:secret-word@127.0.0.1:1/d" }},
		"no such host":   {unavailable, "nowhere.invalid", func(*testing.T) string { return "postgres://u:secret-word@nowhere.invalid/d" }},
		"wrong password": {failedPrecondition, "PGPASSWORD", func(t *testing.T) string {
			u, _ := url.Parse(postgrestest.Start(t, postgrestest.Options{}).Database(t))
			u.User = url.UserPassword(u.User.Username(), "secret-word")
			return u.String()
		}},
		"no such database": {failedPrecondition, "createdb", func(t *testing.T) string {
			u, _ := url.Parse(postgrestest.Database(t))
			return u.JoinPath("../missing").String()
		}},
		"no right to make tables": {failedPrecondition, "runwith store migrate", func(t *testing.T) string {
			c := postgrestest.Start(t, postgrestest.Options{})
			address := c.Database(t)
			u, _ := url.Parse(address)
			c.Exec(t, "ALTER DATABASE "+strings.TrimPrefix(u.Path, "/")+" OWNER TO postgres")
			return address
		}},
		"newer schema": {failedPrecondition, "use a newer runwith", func(t *testing.T) string {
			address := postgrestest.Database(t)
			openOn(t, address)
			postgrestest.Exec(t, address, "UPDATE schema_version SET version = version + 2, oldest = version + 1")
			return address
		}},
		"read-only, without tables": {unavailable, "read-only", func(t *testing.T) string {
			c := postgrestest.Start(t, postgrestest.Options{})
			address := c.Database(t)
			c.ReadOnly(t, true)
			return address
		}},
		"no connection is free": {unavailable, "too many connections", func(t *testing.T) string {
			c := postgrestest.Start(t, postgrestest.Options{})
			address := c.Database(t)
			c.LimitConnections(t, 0)
			return address
		}},
		"the server requires TLS": {failedPrecondition, "sslmode", func(t *testing.T) string {
			c := postgrestest.Start(t, postgrestest.Options{})
			address := c.Database(t)
			c.RequireTLS(t)
			return with(t, address, "sslmode", "disable")
		}},
		"the server has no TLS": {unavailable, noTLS + ": remove sslmode from the URL, or set ssl = on in postgresql.conf", func(t *testing.T) string {
			return with(t, postgrestest.Database(t), "sslmode", "require")
		}},
		"a primary instead of a standby, without TLS": {unavailable, "standby mode", func(t *testing.T) string {
			return with(t, with(t, postgrestest.Database(t), "sslmode", "prefer"), "target_session_attrs", "standby")
		}},
		"unknown certificate": {unavailable, "certificate", func(t *testing.T) string {
			c := postgrestest.Start(t, postgrestest.Options{})
			address := c.Database(t)
			c.RequireTLS(t)
			return with(t, address, "sslmode", "verify-full")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.Context(), Options{URL: test.address(t), Migrate: true})
			if err == nil {
				s.Close()
				t.Fatal("Open succeeded")
			}
			t.Log(err)
			if got := runwith.CodeOf(err); got != test.code {
				t.Errorf("code = %v, want %v", got, test.code)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %q, want %q in it", err, test.want)
			}
			if strings.Contains(err.Error(), "postgresql.conf: ") {
				t.Errorf("error = %q has two next steps", err)
			}
			if strings.Contains(err.Error(), "secret-word") {
				t.Errorf("error = %q has the password", err)
			}
		})
	}
}
