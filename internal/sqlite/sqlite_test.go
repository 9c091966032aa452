package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/sqlite"
)

var notes = []string{`CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT`}

func open(t *testing.T, path string, migrations ...string) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Migrations: migrations})
	if err != nil {
		t.Fatalf("Open(%q) = %v", path, err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func insert(t *testing.T, db *sqlite.DB, text string) error {
	t.Helper()
	return db.Write(context.WithoutCancel(t.Context()), func(tx *sqlite.Tx) error {
		_, err := tx.Exec(`INSERT INTO notes (text) VALUES (?)`, text)
		return err
	})
}

func texts(t *testing.T, db *sqlite.DB) string {
	t.Helper()
	var all []string
	err := db.Read(t.Context(), func(tx *sqlite.Tx) error {
		for row, err := range tx.Query(`SELECT text FROM notes ORDER BY text`) {
			if err != nil {
				return err
			}
			var text string
			if err := row.Scan(&text); err != nil {
				return err
			}
			all = append(all, text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

func TestWritesSurviveReopening(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new folder", "a?b%20c#.db")
	db := open(t, path, notes...)
	if err := insert(t, db, "kept"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatalf("Close() = %v", err)
	}
	if got := texts(t, open(t, path, notes...)); got != "kept" {
		t.Errorf("notes after reopening = %q, want kept", got)
	}
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
		if info, err := os.Stat(name); err != nil || info.Mode() != want {
			t.Errorf("mode of %s = %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
}

// TestRelativePath opens a database in a folder below the working directory.
func TestRelativePath(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := open(t, filepath.Join("data", "test.db")).Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "test.db")); err != nil {
		t.Error(err)
	}
}

func TestFailedWriteLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "n.db"), notes...)
	refused := errors.New("refused")
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			text := string(rune('A' + i%26))
			err := db.Write(t.Context(), func(tx *sqlite.Tx) error {
				if _, err := tx.Exec(`INSERT INTO notes (text) VALUES (?)`, text+"-"+strings.Repeat("x", i/26)); err != nil {
					return err
				}
				if i%2 == 1 {
					return refused
				}
				return nil
			})
			if want := i%2 == 1; errors.Is(err, refused) != want || (err != nil) != want {
				t.Errorf("write %d: error = %v, refused = %v", i, err, want)
			}
		})
	}
	wg.Wait()
	if got := len(strings.Fields(texts(t, db))); got != 100 {
		t.Errorf("notes = %d, want the 100 of the successful writes", got)
	}
}

func TestPanicInWriteReachesItsCaller(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "n.db"), notes...)
	func() {
		defer func() {
			if got := recover(); got != "boom" {
				t.Errorf("recover() = %v, want boom", got)
			}
		}()
		_ = db.Write(t.Context(), func(tx *sqlite.Tx) error {
			if _, err := tx.Exec(`INSERT INTO notes (text) VALUES ('lost')`); err != nil {
				t.Error(err)
			}
			panic("boom")
		})
	}()
	if err := insert(t, db, "after"); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, db); got != "after" {
		t.Errorf("notes after the panic = %q, want only after", got)
	}
}

func TestConflict(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "n.db"), notes...)
	if err := insert(t, db, "one"); err != nil {
		t.Fatal(err)
	}
	if err := insert(t, db, "one"); !sqlite.Conflict(err) {
		t.Errorf("Conflict(%v) = false, want true", err)
	}
}

func TestEndedContextWritesNothing(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "n.db"), notes...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := db.Write(ctx, func(*sqlite.Tx) error { t.Error("the write ran, want it skipped"); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Write() = %v, want the context's error", err)
	}
}

func TestClosedDatabaseRefusesCalls(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "n.db"), notes...)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := insert(t, db, "late"); runwith.CodeOf(err) != runwith.Unavailable {
		t.Errorf("write after Close() = %v, want UNAVAILABLE", err)
	}
	if err := db.Read(t.Context(), func(*sqlite.Tx) error { return nil }); runwith.CodeOf(err) != runwith.Unavailable {
		t.Errorf("read after Close() = %v, want UNAVAILABLE", err)
	}
}

func TestReadsPrepareConcurrently(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "n.db"), notes...)
	var all, inside sync.WaitGroup
	readers := max(4, runtime.GOMAXPROCS(0))
	inside.Add(readers)
	for range readers {
		all.Go(func() {
			err := db.Read(t.Context(), func(tx *sqlite.Tx) error {
				inside.Done()
				inside.Wait() // until every connection is in use
				for _, err := range tx.Query("SELECT text FROM notes") {
					return err
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestConnectionSurvivesFailedRead(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "n.db"), notes...)
	const more = 20 // more than the pool has connections
	for range more {
		ctx, cancel := context.WithCancel(t.Context())
		err := db.Read(ctx, func(tx *sqlite.Tx) error {
			cancel()
			return tx.QueryRow("SELECT 1").Scan(new(int))
		})
		if err != context.Canceled { //nolint:errorlint // exactly this error, unwrapped
			t.Errorf("Read() = %v, want %v", err, context.Canceled)
		}
		func() {
			defer func() { _ = recover() }()
			_ = db.Read(t.Context(), func(*sqlite.Tx) error { panic("boom") })
		}()
	}
	for range more {
		if got := texts(t, db); got != "" {
			t.Errorf("notes = %q, want none", got)
		}
	}
}

func TestSecondOpenIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "n.db")
	db := open(t, path, notes...)
	_, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Migrations: notes})
	if runwith.CodeOf(err) != runwith.FailedPrecondition || !strings.Contains(err.Error(), "--data") {
		t.Errorf("Open() of a held file = %v, want FAILED_PRECONDITION that names --data", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path, notes...)
}

func TestMigrationsRunOnceAfterACopy(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "n.db")
	db := open(t, path, notes...)
	if err := insert(t, db, "old"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	second := append(notes[:1:1], `INSERT INTO notes (text) VALUES ('migrated')`)
	for range 2 { // the second Open has nothing to migrate
		db = open(t, path, second...)
		if got := texts(t, db); got != "migrated old" {
			t.Errorf("notes after the migration = %q, want migrated old", got)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := texts(t, open(t, path+".v1", notes...)); got != "old" {
		t.Errorf("notes in the copy = %q, want old", got)
	}
}

func TestFailedMigrationChangesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "n.db")
	if err := open(t, path, notes...).Close(); err != nil {
		t.Fatal(err)
	}
	bad := append(notes[:1:1], `INSERT INTO notes (text) VALUES ('half'); INSERT INTO nowhere VALUES (1)`)
	if _, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Migrations: bad}); err == nil {
		t.Fatal("Open() with a broken migration = nil, want an error")
	}
	if got := texts(t, open(t, path, notes...)); got != "" {
		t.Errorf("notes after a failed migration = %q, want none", got)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "n.db")
	second := append(notes[:1:1], `CREATE TABLE more (id INTEGER)`)
	if err := open(t, path, second...).Close(); err != nil {
		t.Fatal(err)
	}
	_, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Migrations: notes})
	if runwith.CodeOf(err) != runwith.FailedPrecondition || !strings.Contains(err.Error(), "schema version 2") {
		t.Errorf("Open() of a newer schema = %v, want FAILED_PRECONDITION that names version 2", err)
	}
}

func TestDamagedFileIsRefusedWithAdvice(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"rubbish": strings.Repeat("rubbish", 1000), "broken": "SQLite format 3\x00" + strings.Repeat("\xff", 5000)} {
		path := filepath.Join(t.TempDir(), "n.db")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Migrations: notes})
		if runwith.CodeOf(err) != runwith.FailedPrecondition || !strings.Contains(err.Error(), "restore a backup") {
			t.Errorf("Open() of a %s file = %v, want FAILED_PRECONDITION with advice", name, err)
		}
		if left, err := os.ReadFile(path); err != nil || string(left) != text {
			t.Errorf("Open() changed the %s file, want it unchanged", name)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	db, err := sqlite.Open(b.Context(), sqlite.Options{Path: filepath.Join(b.TempDir(), "n.db"),
		Migrations: []string{`CREATE TABLE n (id INTEGER PRIMARY KEY, text TEXT)`}})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	write := func(tx *sqlite.Tx) error {
		_, err := tx.Exec(`INSERT INTO n (text) VALUES ('x')`)
		return err
	}
	b.Run("one caller", func(b *testing.B) {
		for b.Loop() {
			if err := db.Write(b.Context(), write); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("32 callers", func(b *testing.B) {
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := db.Write(b.Context(), write); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
