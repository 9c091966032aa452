package postgrestest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/postgrestest"
	"github.com/runwith/runwith/internal/testneed"
)

func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk, fill, empty := testneed.SmallDiskOf(t, 96)
	c := postgrestest.Start(t, postgrestest.Options{Disk: disk})
	address := c.Database(t)
	postgrestest.Exec(t, address, "CREATE TABLE large (text text)")
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	insert := func() error {
		_, err := conn.Exec(t.Context(), "INSERT INTO large SELECT repeat('x', 1000) FROM generate_series(1, 5000)")
		return err
	}
	fill()
	if err := insert(); code(err) != "53100" {
		t.Errorf("a write to a full disk = %v, want code 53100", err)
	}
	empty()
	if err := insert(); err != nil {
		t.Errorf("a write after there is room again: %v", err)
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	c := postgrestest.Start(t, postgrestest.Options{})
	conn, err := pgx.Connect(t.Context(), c.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	c.Pause(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := conn.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a ping of a paused server = %v, want no answer", err)
	}
	c.Resume(t)
	postgrestest.Exec(t, c.Database(t), "SELECT 1")
}

func TestPausedServerEndsWithItsTest(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	postgrestest.Start(t, postgrestest.Options{}).Pause(t)
}
