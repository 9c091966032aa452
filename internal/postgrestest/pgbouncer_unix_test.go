//go:build unix

package postgrestest_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/postgrestest"
)

func TestPgBouncerSharesConnections(t *testing.T) {
	t.Parallel()
	pooled := postgrestest.PgBouncer(t, postgrestest.Database(t))
	config, err := pgx.ParseConfig(pooled)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // it knows no prepared statements
	served := map[uint32]int{}
	for range 3 {
		conn, err := pgx.ConnectConfig(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		var pid uint32
		if err := conn.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
			t.Fatal(err)
		}
		served[pid]++
	}
	if len(served) != 1 {
		t.Errorf("three open connections were served by %d processes of PostgreSQL, want one: %v", len(served), served)
	}
}
