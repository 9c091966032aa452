//go:build unix

package postgrestest_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/postgrestest"
)

func TestServerReturnsWithItsData(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		end  func(*postgrestest.Cluster, testing.TB)
	}{
		{"killed", (*postgrestest.Cluster).Kill},
		{"stopped", (*postgrestest.Cluster).Stop},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := postgrestest.Start(t, postgrestest.Options{})
			address := c.Database(t)
			postgrestest.Exec(t, address, "CREATE TABLE kept AS SELECT 7 AS n")
			conn, err := pgx.Connect(t.Context(), address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())

			test.end(c, t)
			if err := conn.Ping(t.Context()); err == nil {
				t.Error("a connection survived the end of the server")
			}
			if conn, err := pgx.Connect(t.Context(), address); err == nil {
				conn.Close(t.Context())
				t.Error("the server accepts connections after its end")
			}
			c.Restart(t)
			if n := ask[int](t, address, "SELECT n FROM kept"); n != 7 {
				t.Errorf("after the restart the row holds %d, want 7", n)
			}
		})
	}
}
