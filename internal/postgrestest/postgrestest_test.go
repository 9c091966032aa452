package postgrestest_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/postgrestest"
	"github.com/runwith/runwith/internal/testneed"
)

// ask returns the answer to a query for one value.
func ask[T any](t *testing.T, address, sql string) (answer T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), sql).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

func TestDatabasesAreApart(t *testing.T) {
	t.Parallel()
	one, other := postgrestest.Database(t), postgrestest.Database(t)
	postgrestest.Exec(t, one, "CREATE TABLE mine ()")
	const tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
	if n := ask[int](t, one, tables); n != 1 {
		t.Errorf("the first database has %d tables, want the one that the test made", n)
	}
	if n := ask[int](t, other, tables); n != 0 {
		t.Errorf("the second database has %d tables, want none", n)
	}
}

func TestDatabaseEndsWithItsTest(t *testing.T) {
	t.Parallel()
	var name string
	t.Run("first", func(t *testing.T) {
		name = ask[string](t, postgrestest.Database(t), "SELECT current_database()")
	})
	if n := ask[int](t, postgrestest.Database(t), "SELECT count(*) FROM pg_database WHERE datname = '"+name+"'"); n != 0 {
		t.Errorf("database %s is still there after its test", name)
	}
}

func TestChangesAreDurable(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		if value := ask[string](t, address, "SHOW "+setting); value != "on" {
			t.Errorf("%s = %s, want on", setting, value)
		}
	}
}

// Copies have what the original has, and are apart. The original is made once.
func TestCopy(t *testing.T) {
	t.Parallel()
	made := 0
	prepare := func(ctx context.Context, address string) error {
		made++
		conn, err := pgx.Connect(ctx, address)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, "CREATE TABLE numbers (n int); INSERT INTO numbers VALUES (7)")
		return err
	}
	one, other := postgrestest.Copy(t, "numbers", prepare), postgrestest.Copy(t, "numbers", prepare)
	postgrestest.Exec(t, one, "DELETE FROM numbers")
	if n := ask[int](t, other, "SELECT n FROM numbers"); n != 7 {
		t.Errorf("the other copy has %d, want 7", n)
	}
	if made != 1 && testneed.Postgres() == "" {
		t.Errorf("the original was made %d times, want once", made)
	}
}
