package sqlite_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/runwith/runwith/internal/sqlite"
)

// TestCreateAfterCrash checks that a database which a crash left unfinished is created anew.
func TestCreateAfterCrash(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "notes.db")
	for _, name := range []string{path + ".new", path + ".new-wal", path + ".new-journal"} {
		if err := os.WriteFile(name, []byte("unfinished"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	db := open(t, path, notes...)
	if err := insert(t, db, "kept"); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(path + ".new*"); left != nil {
		t.Errorf("after Open there is %v", left)
	}
}

func TestFailedCreateLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "notes.db")
	_, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Migrations: []string{notes[0], "no SQL"}})
	if err == nil {
		t.Fatal("Open with a faulty script succeeded")
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of the database = %v, want that there is none", err)
	}
	if left, _ := filepath.Glob(path + ".new*"); left != nil {
		t.Errorf("after the failure there is %v", left)
	}
	open(t, path, notes...)
}
