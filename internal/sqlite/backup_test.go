package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/sqlite"
)

func TestBackupDuringWritesIsConsistent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := open(t, filepath.Join(dir, "live?%.db"), notes...)
	// Each transaction writes two notes, so an inconsistent copy has an odd number.
	pair := func(i int) error {
		return db.Write(context.WithoutCancel(t.Context()), func(tx *sqlite.Tx) error {
			for _, half := range []string{"a", "b"} {
				if _, err := tx.Exec(`INSERT INTO notes (text) VALUES (?)`, fmt.Sprint(half, i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := pair(0); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := pair(i); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i := range 5 {
		target := filepath.Join(dir, fmt.Sprintf("copy%d.db", i))
		if err := sqlite.Backup(t.Context(), filepath.Join(dir, "live?%.db"), target); err != nil {
			t.Fatalf("Backup() = %v", err)
		}
		if info, err := os.Stat(target); err != nil || info.Mode() != 0o600 {
			t.Errorf("mode of the copy = %v, %v, want 0600", info.Mode(), err)
		}
		copied := strings.Fields(texts(t, open(t, target, notes...)))
		if len(copied) < 2 || len(copied)%2 != 0 {
			t.Errorf("copy %d has %d notes, want an even number", i, len(copied))
		}
	}
	close(stop)
	writer.Wait()
}

// TestBackupAfterCrash checks that the backup of an unheld database includes the WAL that
// a crash left behind.
func TestBackupAfterCrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := open(t, filepath.Join(dir, "live.db"), notes...)
	if err := insert(t, db, "kept"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"live.db", "live.db-wal"} { // as a crash leaves them
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, strings.Replace(name, "live", "crashed", 1)), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"live.db", "crashed.db"} {
		target := filepath.Join(dir, "copy of "+name)
		if err := sqlite.Backup(t.Context(), filepath.Join(dir, name), target); err != nil {
			t.Fatalf("Backup(%s) = %v", name, err)
		}
		if got := texts(t, open(t, target, notes...)); got != "kept" {
			t.Errorf("notes in the copy of %s = %q, want kept", name, got)
		}
		if got := texts(t, open(t, filepath.Join(dir, name), notes...)); got != "kept" {
			t.Errorf("notes in %s after its backup = %q, want kept", name, got)
		}
	}
}

func TestFailedBackupLeavesNoTarget(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	taken := write("taken", "mine")
	fine := filepath.Join(dir, "fine.db")
	open(t, fine, notes...)
	ended, end := context.WithCancel(t.Context())
	end()
	for _, tt := range []struct {
		name, path, target string
		ctx                context.Context
		want               error
	}{
		{"no database", filepath.Join(dir, "none.db"), filepath.Join(dir, "copy"), t.Context(), os.ErrNotExist},
		{"not a database", write("text.db", strings.Repeat("text ", 1000)), filepath.Join(dir, "copy"), t.Context(), nil},
		{"target exists", fine, taken, t.Context(), os.ErrExist},
		{"context ended", fine, filepath.Join(dir, "copy"), ended, context.Canceled},
	} {
		err := sqlite.Backup(tt.ctx, tt.path, tt.target)
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: Backup() = %v, want %v", tt.name, err, tt.want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "copy")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("target after a failed backup: %v, want it not to exist", err)
	}
	if content, err := os.ReadFile(taken); err != nil || !cmp.Equal("mine", string(content)) {
		t.Errorf("existing file after a failed backup = %q, %v, want mine", content, err)
	}
}
