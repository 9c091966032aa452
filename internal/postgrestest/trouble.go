package postgrestest

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/eventually"
)

// Set sets a parameter of the whole server, such as default_transaction_read_only, and returns
// when new connections have it. The value is written as SHOW prints it. Open connections get it
// too, with their next command.
func (c *Cluster) Set(t testing.TB, parameter, value string) {
	t.Helper()
	c.Exec(t, fmt.Sprintf("ALTER SYSTEM SET %s = '%s'", parameter, value))
	c.Exec(t, "SELECT pg_reload_conf()")
	eventually.NoError(t, func() error {
		conn, err := pgx.Connect(t.Context(), c.admin())
		if err != nil {
			return err
		}
		defer conn.Close(t.Context())
		var has string
		if err := conn.QueryRow(t.Context(), "SHOW "+parameter).Scan(&has); err != nil {
			return err
		}
		if has != value {
			return fmt.Errorf("%s is %s, want %s", parameter, has, value)
		}
		return nil
	})
}

// ReadOnly refuses all writes, as a standby does, or allows them again.
func (c *Cluster) ReadOnly(t testing.TB, on bool) {
	t.Helper()
	c.Set(t, "default_transaction_read_only", map[bool]string{true: "on", false: "off"}[on])
}

// LimitConnections lets the ordinary role have n connections; -1 lifts the limit. Open connections
// stay: see [Cluster.Disconnect].
func (c *Cluster) LimitConnections(t testing.TB, n int) {
	t.Helper()
	c.Exec(t, fmt.Sprintf("ALTER ROLE %s CONNECTION LIMIT %d", role, n))
}

// Disconnect ends all connections of the ordinary role, in the middle of their transactions.
func (c *Cluster) Disconnect(t testing.TB) {
	t.Helper()
	c.Exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '"+role+"'")
}
