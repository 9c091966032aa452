package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/invoker/store/postgres"
	"github.com/runwith/runwith/internal/postgrestest"
)

// A copy that is killed leaves an empty database, and can be made again.
func TestKilledCopy(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		trigger string // where the copy stops until it is killed
		marked  bool   // the file is marked as moved by then
	}{
		"while it copies":  {`CREATE TRIGGER stop BEFORE INSERT ON invocations FOR EACH ROW EXECUTE FUNCTION stop()`, false},
		"while it commits": {`CREATE CONSTRAINT TRIGGER stop AFTER INSERT ON installation DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION stop()`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			data := dataWithARun(t)
			if _, err := postgres.Migrate(t.Context(), postgres.Options{URL: url}); err != nil {
				t.Fatal(err)
			}
			postgrestest.Exec(t, url, `CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END $$`)
			postgrestest.Exec(t, url, test.trigger)

			killCopy(t, data, url)
			mark := filepath.Join(data, "invoker.db.moved")
			if _, err := os.Stat(mark); err == nil != test.marked {
				t.Errorf("the mark of a moved file: %v, want it: %v", err, test.marked)
			}
			out, err := exec.Command("runwith", "store", "copy", "--from", "sqlite:"+data, "--to", url).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "invocations     1 rows") {
				t.Errorf("the second copy: %v\n%s", err, out)
			}
			if _, err := os.Stat(mark); err != nil {
				t.Errorf("after the second copy: %v, want the mark of a moved file", err)
			}
		})
	}
}

// dataWithARun returns a data folder with one invocation, which has ended.
func dataWithARun(t *testing.T) (data string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	s := startUp(t, data)
	if out, err := exec.Command("runwith", "run", "test-job", "--server", s.url).CombinedOutput(); err != nil {
		t.Fatalf("run test-job: %v\n%s", err, out)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	return data
}

// killCopy starts a copy that stops at a lock, kills it there, and ends its session in the database.
func killCopy(t *testing.T, data, url string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	ask := func(sql string) (n int) {
		if err := conn.QueryRow(t.Context(), sql).Scan(&n); err != nil {
			t.Error(err)
		}
		return n
	}
	if _, err := conn.Exec(t.Context(), `SELECT pg_advisory_lock(4711)`); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("runwith", "store", "copy", "--from", "sqlite:"+data, "--to", url)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	const others = ` FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
	eventually.True(t, "the copy has stopped", func() bool { return ask(`SELECT count(*)`+others+` AND wait_event = 'advisory'`) == 1 })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	ask(`SELECT count(pg_terminate_backend(pid))` + others)
	eventually.True(t, "its session has ended", func() bool { return ask(`SELECT count(*)`+others) == 0 })
	if n := ask(`SELECT count(*) FROM invocations`); n != 0 {
		t.Errorf("the database has %d invocations, want none", n)
	}
}
