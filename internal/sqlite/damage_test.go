package sqlite_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/sqlite"
)

// damages are ways to damage a file at an offset.
var damages = map[string]func(content []byte, at int) []byte{
	"a flipped bit": func(content []byte, at int) []byte { content[at] ^= 1; return content },
	"zeros":         func(content []byte, at int) []byte { clear(content[at:min(at+512, len(content))]); return content },
	"rubbish": func(content []byte, at int) []byte {
		copy(content[at:], bytes.Repeat([]byte{0xa5, 0xff, 0x3c}, 200))
		return content
	},
	"the end is missing": func(content []byte, at int) []byte { return content[:at] },
}

// offsets are those of the fields of the header, and many others.
func offsets(size, step int) (all []int) {
	for at := 0; at < size; at += step {
		all = append(all, at)
	}
	return slices.Concat([]int{1, 16, 18, 19, 24, 28, 40, 44, 52, 56, 60, 68, 92, 96, 100, 103, 105}, all)
}

// copyFiles copies the files of a database, and gives the changed one other content.
func copyFiles(t *testing.T, from, changed string, content []byte) (path string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"n.db", "n.db-wal", "n.db.sum"} {
		text, err := os.ReadFile(filepath.Join(from, name))
		if name == changed {
			text, err = content, nil
		}
		if err != nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "n.db")
}

// refused reports whether err is the one clear message about a damaged file.
func refused(err error, path string) bool {
	return err != nil && runwith.CodeOf(err) == runwith.FailedPrecondition && strings.HasPrefix(err.Error(), path+" ") &&
		strings.Contains(err.Error(), "runwith restore") && !strings.Contains(err.Error(), "\n")
}

func filled(t *testing.T, path string) *sqlite.DB {
	t.Helper()
	db := open(t, path, notes...)
	for i := range 100 {
		if err := insert(t, db, fmt.Sprint(i, strings.Repeat(" text", 20))); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

// Any damage of a closed database, at any offset, is one clear message, for Open and for
// Backup. The damaged file is left as it is.
func TestDamageOfAClosedDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := filled(t, filepath.Join(dir, "n.db")).Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, "n.db"))
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range damages {
		for _, at := range offsets(len(whole), 397) {
			content := damage(bytes.Clone(whole), at)
			if bytes.Equal(content, whole) {
				continue
			}
			path := copyFiles(t, dir, "n.db", content)
			target := path + ".copy"
			if err := sqlite.Backup(t.Context(), path, target); runwith.CodeOf(err) != runwith.DataLoss || !strings.Contains(err.Error(), "runwith restore") {
				t.Fatalf("%s at %d: Backup() = %v, want DATA_LOSS with advice", name, at, err)
			}
			if _, err := os.Stat(target); err == nil {
				t.Errorf("%s at %d: Backup() left a copy", name, at)
			}
			db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Migrations: notes})
			if !refused(err, path) {
				t.Fatalf("%s at %d: Open() = %v, want FAILED_PRECONDITION with the file and advice", name, at, err)
			}
			if db != nil {
				t.Errorf("%s at %d: Open() returned a database", name, at)
			}
			if left, err := os.ReadFile(path); err != nil || !bytes.Equal(left, content) {
				t.Fatalf("%s at %d: Open() changed the file", name, at)
			}
		}
	}
}

// After a crash there is no checksum. Then damage is found by Open, or by the read that
// meets it, and never is a crash or another error.
func TestDamageAfterACrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := filled(t, filepath.Join(dir, "n.db")).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "n.db.sum")); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, "n.db"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for name, damage := range damages {
		for _, at := range offsets(len(whole), 1999) {
			content := damage(bytes.Clone(whole), at)
			path := copyFiles(t, dir, "n.db", content)
			db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Migrations: notes})
			if err == nil {
				err = use(t, db)
				_ = db.Close()
				if err != nil && (runwith.CodeOf(err) != runwith.DataLoss || !strings.Contains(err.Error(), "runwith restore")) {
					t.Errorf("%s at %d: use = %v, want DATA_LOSS with advice", name, at, err)
				}
			} else if !strings.HasPrefix(err.Error(), path+" ") {
				t.Errorf("%s at %d: Open() = %v, want the file first", name, at, err)
			}
			if err != nil {
				found++
			}
		}
	}
	if found < 50 {
		t.Errorf("damage was found %d times, want more", found)
	}
}

// use reads and writes.
func use(t *testing.T, db *sqlite.DB) error {
	t.Helper()
	err := db.Read(t.Context(), func(tx *sqlite.Tx) error {
		for row, err := range tx.Query(`SELECT id, text FROM notes ORDER BY text`) {
			if err != nil {
				return err
			}
			var id int
			var text string
			if err := row.Scan(&id, &text); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		if ready := db.Ready(); ready == nil {
			t.Errorf("Ready() after %v = nil, want the damage", err)
		}
		return err
	}
	return insert(t, db, "new")
}

// A WAL loses its end in a crash, and nothing else.
func TestDamagedWAL(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := filled(t, filepath.Join(dir, "n.db"))
	wal, err := os.ReadFile(filepath.Join(dir, "n.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	const frame = 24 + 4096
	for name, damage := range damages {
		for at := 0; at < len(wal); at += 39_999 {
			content := damage(bytes.Clone(wal), at)
			if bytes.Equal(content, wal) {
				continue
			}
			path := copyFiles(t, dir, "n.db-wal", content)
			db, err := sqlite.Open(context.WithoutCancel(t.Context()), sqlite.Options{Path: path, Migrations: notes})
			switch cut := name == "the end is missing"; {
			case cut && err != nil:
				t.Errorf("%s at %d of %d: Open() = %v, want no error: a crash leaves the WAL so", name, at, len(wal), err)
			case !cut && at < len(wal)-10*frame && !refused(err, path):
				t.Errorf("%s at %d of %d: Open() = %v, want FAILED_PRECONDITION with the file and advice", name, at, len(wal), err)
			}
			if err == nil {
				_ = db.Close()
			}
		}
	}
	_ = db.Close()
}

// After a crash of the server alone, the WAL's index shows that the end is missing.
func TestTruncatedWALWithItsIndex(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := filled(t, filepath.Join(dir, "n.db"))
	wal, err := os.ReadFile(filepath.Join(dir, "n.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile(filepath.Join(dir, "n.db-shm"))
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 10, 32, 5000, len(wal) / 2, len(wal) - 1, len(wal)} {
		path := copyFiles(t, dir, "n.db-wal", wal[:at])
		if err := os.WriteFile(path+"-shm", index, 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Migrations: notes})
		if at < len(wal) && !refused(err, path) {
			t.Errorf("a WAL of %d of %d bytes: Open() = %v, want FAILED_PRECONDITION with the file and advice", at, len(wal), err)
		}
		if at == len(wal) && err != nil {
			t.Errorf("the whole WAL: Open() = %v, want no error", err)
		}
		if again != nil {
			_ = again.Close()
		}
	}
	_ = db.Close()
}

// An empty file is no new database, and a WAL without its file is not dropped.
func TestMissingFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := filled(t, filepath.Join(dir, "n.db"))
	for name, prepare := range map[string]func(path string) error{
		"an empty file":            func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"an empty file with a WAL": func(path string) error { return os.Truncate(path, 0) },
		"a WAL alone":              os.Remove,
	} {
		path := filepath.Join(t.TempDir(), "n.db")
		if strings.Contains(name, "WAL") {
			path = copyFiles(t, dir, "", nil)
		}
		if err := prepare(path); err != nil {
			t.Fatal(err)
		}
		_, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Migrations: notes})
		if !refused(err, path) {
			t.Errorf("%s: Open() = %v, want FAILED_PRECONDITION with the file and advice", name, err)
		}
		if info, err := os.Stat(path + "-wal"); strings.Contains(name, "WAL") && (err != nil || info.Size() == 0) {
			t.Errorf("%s: Open() removed the WAL: %v", name, err)
		}
		if err := sqlite.Backup(t.Context(), path, path+".copy"); err == nil {
			t.Errorf("%s: Backup() = nil, want an error", name)
		}
	}
	_ = db.Close()
}
