package sqlite_test

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/sqlite"
)

// TestFullDiskUndoesTheWholeCommit checks that every write of a commit fails if one
// finds the disk full, whether it ran before or after. SQLite rolls back the whole
// transaction when a statement finds no room.
func TestFullDiskUndoesTheWholeCommit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db := open(t, filepath.Join(dir, "n.db"), notes...)
		held := make(chan struct{})
		var wg sync.WaitGroup
		write := func(text string, want runwith.Code, before func(*sqlite.Tx) error) {
			wg.Go(func() {
				err := db.Write(context.WithoutCancel(t.Context()), func(tx *sqlite.Tx) error {
					if err := before(tx); err != nil {
						return err
					}
					_, err := tx.Exec(`INSERT INTO notes (text) VALUES (?)`, text)
					return err
				})
				if runwith.CodeOf(err) != want {
					t.Errorf("Write of %.10q = %v, want %v", text, err, want)
				}
			})
			synctest.Wait() // until it is in the queue
		}
		nothing := func(*sqlite.Tx) error { return nil }
		// While this write blocks, the others gather for the next commit.
		write("first", runwith.OK, func(*sqlite.Tx) error { <-held; return nil })
		write("before", runwith.ResourceExhausted, nothing)
		write(strings.Repeat("large", 20_000), runwith.ResourceExhausted, func(tx *sqlite.Tx) error {
			_, err := tx.Exec(`PRAGMA max_page_count = 1`) // the file cannot grow
			return err
		})
		write("after", runwith.ResourceExhausted, nothing)
		close(held)
		wg.Wait()
		if got := texts(t, db); got != "first" {
			t.Errorf("notes = %q, want only first", got)
		}
		write("alone", runwith.OK, nothing)
		wg.Wait()
		write(strings.Repeat("large", 20_000), runwith.ResourceExhausted, nothing)
		wg.Wait()
		if got := texts(t, db); got != "alone first" {
			t.Errorf("notes = %q, want only first and alone", got)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestFullDiskUndoesOneStatement checks that the other writes of a commit are made, and only once, if
// SQLite undoes no more than the statement that finds the disk full. It does so for statements that
// have a journal of their own.
func TestFullDiskUndoesOneStatement(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db := open(t, filepath.Join(dir, "n.db"), notes...)
		held := make(chan struct{})
		var wg sync.WaitGroup
		write := func(name string, want runwith.Code, f func(*sqlite.Tx) error) {
			wg.Go(func() {
				if err := db.Write(context.WithoutCancel(t.Context()), f); runwith.CodeOf(err) != want {
					t.Errorf("Write of %s = %v, want %v", name, err, want)
				}
			})
			synctest.Wait() // until it is in the queue
		}
		add := func(text string) func(*sqlite.Tx) error {
			return func(tx *sqlite.Tx) error {
				_, err := tx.Exec(`INSERT INTO notes (text) VALUES (?)`, text)
				return err
			}
		}
		write("first", runwith.OK, func(*sqlite.Tx) error { <-held; return nil })
		write("before", runwith.OK, add("before"))
		write("many", runwith.ResourceExhausted, func(tx *sqlite.Tx) error {
			if _, err := tx.Exec(`PRAGMA max_page_count = 1`); err != nil {
				return err
			}
			_, err := tx.Exec(`INSERT INTO notes (text) WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 10000) SELECT i FROM n`)
			return err
		})
		write("after", runwith.OK, add("after"))
		close(held)
		wg.Wait()
		if got := texts(t, db); got != "after before" {
			t.Errorf("notes = %q, want after and before, each once", got)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}
