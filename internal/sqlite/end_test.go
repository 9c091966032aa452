package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/sqlite"
)

// told collects the calls of OnEnd functions for writes that share a commit.
type told struct {
	db  *sqlite.DB
	got []string
}

// write writes a note, then returns the error fails.
func (o *told) write(note string, fails error) error {
	return o.db.Write(context.Background(), func(tx *sqlite.Tx) error {
		for i := range 2 {
			tx.OnEnd(func(committed bool) { o.got = append(o.got, fmt.Sprint(note, i, " ", committed)) })
		}
		if _, err := tx.Exec(`INSERT INTO notes (text) VALUES (?)`, note); err != nil {
			return err
		}
		return fails
	})
}

// together runs writes, in order, so that they share a commit.
func (o *told) together(t *testing.T, writes ...func()) {
	t.Helper()
	held := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = o.db.Write(context.Background(), func(*sqlite.Tx) error { <-held; return nil })
	})
	synctest.Wait()
	for _, write := range writes {
		wg.Go(write)
		synctest.Wait()
	}
	close(held)
	wg.Wait()
}

func TestOnEndOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o := &told{db: open(t, filepath.Join(dir, "n.db"), notes...)}
		refused := errors.New("refused")
		o.together(t,
			func() { _ = o.write("a", nil) },
			func() { _ = o.write("b", refused) },
			func() { _ = o.write("c", nil) },
		)
		_ = o.write("alone", refused)
		want := []string{"b1 false", "b0 false", "a0 true", "a1 true", "c0 true", "c1 true", "alone1 false", "alone0 false"}
		if diff := cmp.Diff(want, o.got); diff != "" {
			t.Errorf("OnEnd (-want +got):\n%s", diff)
		}
		if err := o.db.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestOnEndAfterFullDisk checks that OnEnd reports false for every write of the
// transaction, and again when the reserve does not help either.
func TestOnEndAfterFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o := &told{db: open(t, filepath.Join(dir, "n.db"), notes...)}
		err := o.db.Write(context.Background(), func(tx *sqlite.Tx) error {
			_, err := tx.Exec(`PRAGMA max_page_count = 1`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		large := strings.Repeat("large", 20_000)
		o.together(t, func() { _ = o.write("a", nil) }, func() { _ = o.write(large, nil) })
		for i, got := range o.got {
			o.got[i] = got[max(0, len(got)-len("a0 false")):]
		}
		once := []string{"e1 false", "e0 false", "a1 false", "a0 false"}
		want := append(once, once...)
		if diff := cmp.Diff(want, o.got); diff != "" {
			t.Errorf("OnEnd (-want +got):\n%s", diff)
		}
		if err := o.db.Close(); err != nil {
			t.Error(err)
		}
	})
}
