package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/sqlite"
	"github.com/runwith/runwith/internal/testneed"
)

// On a full disk, the database refuses new rows but still accepts any number of changes to
// existing ones, also after a restart.
func TestChangesOnAFullDisk(t *testing.T) {
	t.Parallel()
	dir, fill, empty := testneed.SmallDisk(t)
	path := filepath.Join(dir, "n.db")
	db := open(t, path, notes...)
	add := func(text string) error {
		return db.Add(t.Context(), func(tx *sqlite.Tx) error {
			_, err := tx.Exec(`INSERT INTO notes (text) VALUES (?)`, text)
			return err
		})
	}
	for i := range 100 {
		if err := add(fmt.Sprintf("%03d %s", i, strings.Repeat("x", 1000))); err != nil {
			t.Fatal(err)
		}
	}
	fill()
	change := func(round int) {
		t.Helper()
		for i := range 100 {
			err := db.Write(t.Context(), func(tx *sqlite.Tx) error {
				_, err := tx.Exec(`UPDATE notes SET text = ? WHERE id = ?`, fmt.Sprintf("%03d %s", i, strings.Repeat("y", 1000)), i+1)
				return err
			})
			if err != nil {
				t.Fatalf("round %d: change %d on a full disk = %v, want no error", round, i, err)
			}
		}
	}
	for round := range 5 {
		change(round)
	}
	for name, err := range map[string]error{"Add()": add("more"), "Ready()": db.Ready()} {
		if cause.KindOf(err) != cause.DiskFull || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s on a full disk = %v, want the full disk and its folder", name, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatalf("Close() on a full disk = %v", err)
	}
	refill(t, dir)
	db = open(t, path, notes...)
	change(5)
	if err := os.Remove(filepath.Join(dir, "more")); err != nil {
		t.Fatal(err)
	}
	empty()
	if err := add("more"); err != nil {
		t.Errorf("Add() after the disk was emptied = %v, want no error", err)
	}
	if err := db.Ready(); err != nil {
		t.Errorf("Ready() after the disk was emptied = %v, want no error", err)
	}
}

// refill takes the room that was freed since the disk was filled, except for a part of it
// that a server needs to open its files.
func refill(t *testing.T, dir string) {
	t.Helper()
	file, err := os.Create(filepath.Join(dir, "more"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Truncate(max(0, info.Size()-128<<10)); err != nil {
		t.Fatal(err)
	}
}
