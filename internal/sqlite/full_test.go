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

// gathering is a database whose writes gather for one commit, while an earlier write blocks. It is
// used in a bubble.
type gathering struct {
	t       *testing.T
	db      *sqlite.DB
	held    chan struct{} // blocks the first write
	writing sync.WaitGroup
}

// gather opens a database and begins the write that blocks.
func gather(t *testing.T, dir string) *gathering {
	t.Helper()
	g := &gathering{t: t, db: open(t, filepath.Join(dir, "n.db"), notes...), held: make(chan struct{})}
	g.write("first", runwith.OK, func(tx *sqlite.Tx) error {
		<-g.held
		return add(tx, "first")
	})
	return g
}

// write begins a write, whose error must have a code.
func (g *gathering) write(name string, want runwith.Code, f func(*sqlite.Tx) error) {
	g.writing.Go(func() {
		if err := g.db.Write(context.WithoutCancel(g.t.Context()), f); runwith.CodeOf(err) != want {
			g.t.Errorf("Write of %s = %v, want %v", name, err, want)
		}
	})
	synctest.Wait() // until it is in the queue
}

// wantNotes waits for the writes, and compares what the database has.
func (g *gathering) wantNotes(want string) {
	g.t.Helper()
	g.writing.Wait()
	if got := texts(g.t, g.db); got != want {
		g.t.Errorf("notes = %q, want %q", got, want)
	}
}

func add(tx *sqlite.Tx, text string) error {
	_, err := tx.Exec(`INSERT INTO notes (text) VALUES (?)`, text)
	return err
}

// adds is a write that adds a note.
func adds(text string) func(*sqlite.Tx) error {
	return func(tx *sqlite.Tx) error { return add(tx, text) }
}

// full keeps the file of the database from growing.
func full(tx *sqlite.Tx) error {
	_, err := tx.Exec(`PRAGMA max_page_count = 1`)
	return err
}

// TestFullDiskUndoesTheWholeCommit checks that every write of a commit fails if one
// finds the disk full, whether it ran before or after. SQLite rolls back the whole
// transaction when a statement finds no room.
func TestFullDiskUndoesTheWholeCommit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		g, large := gather(t, dir), strings.Repeat("large", 20_000)
		g.write("before", runwith.ResourceExhausted, adds("before"))
		g.write("large", runwith.ResourceExhausted, func(tx *sqlite.Tx) error {
			if err := full(tx); err != nil {
				return err
			}
			return add(tx, large)
		})
		g.write("after", runwith.ResourceExhausted, adds("after"))
		close(g.held)
		g.wantNotes("first")
		g.write("alone", runwith.OK, adds("alone"))
		g.writing.Wait()
		g.write("large alone", runwith.ResourceExhausted, adds(large))
		g.wantNotes("alone first")
		if err := g.db.Close(); err != nil {
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
		g := gather(t, dir)
		g.write("before", runwith.OK, adds("before"))
		g.write("many", runwith.ResourceExhausted, func(tx *sqlite.Tx) error {
			if err := full(tx); err != nil {
				return err
			}
			_, err := tx.Exec(`INSERT INTO notes (text) WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 10000) SELECT i FROM n`)
			return err
		})
		g.write("after", runwith.OK, adds("after"))
		close(g.held)
		g.wantNotes("after before first")
		if err := g.db.Close(); err != nil {
			t.Error(err)
		}
	})
}
