package archive_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/archive"
	"github.com/runwith/runwith/internal/sqlite"
)

const mark = "invoker.db.mark"

// sampleFolder is a data folder with real databases and the given logs.
func sampleFolder(t *testing.T, databases []string, logs ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range databases {
		db, err := sqlite.Open(t.Context(), sqlite.Options{
			Path: filepath.Join(dir, name), Migrations: []string{"CREATE TABLE t (text TEXT); INSERT INTO t VALUES ('" + name + "')"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range logs {
		write(t, filepath.Join(dir, "logs", name), "output of "+name)
	}
	return dir
}

var both = []string{archive.InvokerDatabase, archive.EngineDatabase}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func archiveOf(t *testing.T, dir string) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := (archive.Source{Dir: dir, Version: "v1"}).Write(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func extract(t *testing.T, text []byte, dir string) (archive.Content, error) {
	t.Helper()
	return archive.Target{Dir: dir, Mark: mark}.Extract(t.Context(), bytes.NewReader(text))
}

// filesIn returns the names below a folder, with their modes.
func filesIn(t *testing.T, dir string) map[string]fs.FileMode {
	t.Helper()
	files := map[string]fs.FileMode{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		files[name] = info.Mode()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func namesIn(t *testing.T, text []byte) (names []string) {
	t.Helper()
	for r := tar.NewReader(bytes.NewReader(text)); ; {
		header, err := r.Next()
		if err == io.EOF {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
	}
}

func TestArchiveHoldsTheStateInOrder(t *testing.T) {
	t.Parallel()
	dir := sampleFolder(t, both, "a.log", "b.log", "a.idx", ".hidden.log")
	write(t, filepath.Join(dir, "engine.db.lock"), "")
	want := []string{"invoker.db", "engine.db", "logs/a.log", "logs/b.log", "backup.json"}
	if diff := cmp.Diff(want, namesIn(t, archiveOf(t, dir))); diff != "" {
		t.Errorf("entries of the archive differ (-want +got):\n%s", diff)
	}
}

func TestExtractRestoresEveryFile(t *testing.T) {
	t.Parallel()
	text := archiveOf(t, sampleFolder(t, both, "a.log"))
	dir := filepath.Join(t.TempDir(), "new")
	content, err := extract(t, text, dir)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]fs.FileMode{"invoker.db": 0o600, "engine.db": 0o600, "logs/a.log": 0o600}
	if diff := cmp.Diff(want, filesIn(t, dir)); diff != "" {
		t.Errorf("restored files and modes differ (-want +got):\n%s", diff)
	}
	if content.Databases != 2 {
		t.Errorf("databases = %d, want 2", content.Databases)
	}
	if content.Logs != 1 {
		t.Errorf("logs = %d, want 1", content.Logs)
	}
	if log, err := os.ReadFile(filepath.Join(dir, "logs", "a.log")); err != nil || string(log) != "output of a.log" {
		t.Errorf("restored log = %q, %v", log, err)
	}
	if diff := cmp.Diff(namesIn(t, text), namesIn(t, archiveOf(t, dir))); diff != "" {
		t.Errorf("a backup of the restored folder has other entries (-want +got):\n%s", diff)
	}
}

// An invoker whose Cloud Run went on after the backup is marked. An invoker that is
// restored with its engine is not.
func TestExtractMarksAnInvokerWithoutEngine(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		databases []string
		marked    bool
	}{
		"both":         {both, false},
		"engine alone": {[]string{archive.EngineDatabase}, false},
		"invoker only": {[]string{archive.InvokerDatabase}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if _, err := extract(t, archiveOf(t, sampleFolder(t, test.databases)), dir); err != nil {
				t.Fatal(err)
			}
			mode, marked := filesIn(t, dir)[mark]
			if marked != test.marked {
				t.Errorf("marked = %v, want %v", marked, test.marked)
			}
			if marked && mode != 0o600 {
				t.Errorf("mode of the mark = %v, want 0600", mode)
			}
		})
	}
}

// A store that has moved to PostgreSQL stays moved: its copy would start the same work.
func TestArchiveKeepsTheMarkOfAMovedStore(t *testing.T) {
	t.Parallel()
	from, dir := sampleFolder(t, both, "a.log"), t.TempDir()
	write(t, filepath.Join(from, "invoker.db.moved"), "postgres://db/runwith\n")
	text := archiveOf(t, from)
	want := []string{"invoker.db", "engine.db", "invoker.db.moved", "logs/a.log", "backup.json"}
	if diff := cmp.Diff(want, namesIn(t, text)); diff != "" {
		t.Errorf("entries of the archive differ (-want +got):\n%s", diff)
	}
	content, err := extract(t, text, dir)
	if err != nil {
		t.Fatal(err)
	}
	if !content.Moved {
		t.Error("content: moved = false, want true")
	}
	if mark, err := os.ReadFile(filepath.Join(dir, "invoker.db.moved")); err != nil || string(mark) != "postgres://db/runwith\n" {
		t.Errorf("restored mark = %q, %v", mark, err)
	}
	damaged := t.TempDir()
	if _, err := extract(t, text[:len(text)-1536], damaged); err == nil {
		t.Error("Extract of a truncated archive: no error")
	}
	if files := filesIn(t, damaged); len(files) > 0 {
		t.Errorf("after Extract of a truncated archive the folder holds %v, want nothing", files)
	}
}

// A truncated archive leaves the folder empty, wherever it ends.
func TestExtractOfATruncatedArchive(t *testing.T) {
	t.Parallel()
	text := archiveOf(t, sampleFolder(t, both, "a.log"))
	dir := t.TempDir()
	for at := 0; at < len(text)-1024; at += 512 * 3 { // only zeros follow
		if _, err := extract(t, text[:at], dir); err == nil || !strings.Contains(err.Error(), "truncated") {
			t.Fatalf("Extract of %d bytes = %v, want an error that says truncated", at, err)
		}
		if files := filesIn(t, dir); len(files) > 0 {
			t.Fatalf("after Extract of %d bytes the folder holds %v, want nothing", at, files)
		}
	}
}

// tarOf returns a tar with these files. "link TO" is a symbolic link named logs/x.log.
func tarOf(t *testing.T, names ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range names {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: 2, Mode: 0o600}
		if to, link := strings.CutPrefix(name, "link "); link {
			header = &tar.Header{Typeflag: tar.TypeSymlink, Name: "logs/x.log", Linkname: to}
		}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if header.Size > 0 {
			if _, err := w.Write([]byte("{}")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestExtractRefuses(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	for name, test := range map[string]struct {
		text []byte
		want string
	}{
		"a name above the folder": {tarOf(t, "../escaped"), `it contains "../escaped"`},
		"an absolute name":        {tarOf(t, "/tmp/escaped"), `it contains "/tmp/escaped"`},
		"a log above the folder":  {tarOf(t, "logs/../../escaped.log"), `escaped.log"`},
		"a log in a folder":       {tarOf(t, "logs/sub/x.log"), `it contains "logs/sub/x.log"`},
		"a link":                  {tarOf(t, "link ../escaped", "logs/x.log"), `it contains "logs/x.log"`},
		"the same database twice": {tarOf(t, "engine.db", "engine.db"), `exists`},
		"no manifest":             {tarOf(t, "engine.db"), `truncated`},
		"another format":          {tarOf(t, "engine.db", "backup.json"), `format 0`},
		"a short text":            {[]byte("text that is no tar"), `truncated`},
		"a long text":             {[]byte(strings.Repeat("gz", 4096)), `not an archive of runwith backup`},
		"an entry after the end":  {withFile(t, archiveOf(t, sampleFolder(t, both)), "logs/b.log"), `it contains "logs/b.log"`},
	} {
		dir := filepath.Join(parent, "data")
		if _, err := extract(t, test.text, dir); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Extract of %s = %v, want an error with %q", name, err, test.want)
		}
	}
	if files := filesIn(t, parent); len(files) > 0 {
		t.Errorf("in the folder and beside it there is %v, want nothing", files)
	}
}

// withFile adds an entry behind the manifest.
func withFile(t *testing.T, text []byte, name string) []byte {
	t.Helper()
	return append(text[:len(text)-1024:len(text)-1024], tarOf(t, name)...)
}

func TestExtractRefusesAFolderThatIsNotEmpty(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "kept"), "mine")
	_, err := extract(t, archiveOf(t, sampleFolder(t, both)), dir)
	if want := "is not empty: choose an empty or a new folder with --data"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Extract = %v, want an error with %q", err, want)
	}
	if diff := cmp.Diff(map[string]fs.FileMode{"kept": 0o600}, filesIn(t, dir)); diff != "" {
		t.Errorf("files in the folder differ (-want +got):\n%s", diff)
	}
}

func TestWriteFile(t *testing.T) {
	t.Parallel()
	source := archive.Source{Dir: sampleFolder(t, both, "a.log")}
	dir := t.TempDir()
	file := filepath.Join(dir, "state.tar")
	if _, err := source.WriteFile(t.Context(), file, false); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]fs.FileMode{"state.tar": 0o600}, filesIn(t, dir)); diff != "" {
		t.Errorf("files beside the backup differ (-want +got):\n%s", diff)
	}
	write(t, file, "mine")
	_, err := source.WriteFile(t.Context(), file, false)
	if want := "exists: choose another file, or replace it with --force"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("WriteFile over a file = %v, want an error with %q", err, want)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "mine" {
		t.Errorf("the file holds %q, %v, want what was there", text, err)
	}
	if _, err := source.WriteFile(t.Context(), file, true); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if names := namesIn(t, text); len(names) != 4 {
		t.Errorf("the replaced file has the entries %q, want four", names)
	}
}

func TestWriteFileLeavesAnotherBackupAlone(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state.tar")
	write(t, file+".tmp", "another's")
	_, err := archive.Source{Dir: sampleFolder(t, both)}.WriteFile(t.Context(), file, true)
	if want := "another backup is being written; if none is, remove this file"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("WriteFile = %v, want an error with %q", err, want)
	}
	if text, err := os.ReadFile(file + ".tmp"); err != nil || string(text) != "another's" {
		t.Errorf("the other's file holds %q, %v, want what was there", text, err)
	}
}

func TestWriteOfAFolderWithoutState(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := archive.Source{Dir: t.TempDir()}.WriteFile(t.Context(), filepath.Join(dir, "state.tar"), false)
	if want := "holds no state of runwith: choose the data folder with --data"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("WriteFile = %v, want an error with %q", err, want)
	}
	if errors.Is(err, fs.ErrNotExist) {
		t.Errorf("WriteFile = %v, want no error of a missing file", err)
	}
	if files := filesIn(t, dir); len(files) > 0 {
		t.Errorf("the folder holds %v, want nothing", files)
	}
}

// interrupting ends a context when the data of a database is read or written.
type interrupting struct {
	interrupt context.CancelFunc
	n         int // bytes until then
	in        io.Reader
}

func (i *interrupting) pass(n int) {
	if i.n -= n; i.n < 0 {
		i.interrupt()
	}
}

func (i *interrupting) Read(data []byte) (int, error) {
	n, err := i.in.Read(data[:min(len(data), 4096)])
	i.pass(n)
	return n, err
}

func (i *interrupting) Write(data []byte) (int, error) {
	i.pass(len(data))
	return len(data), nil
}

// TestInterrupt ends the context while the only file, a large database, is copied.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	dir := sampleFolder(t, []string{archive.InvokerDatabase})
	db, err := sqlite.Open(t.Context(), sqlite.Options{
		Path: filepath.Join(dir, archive.EngineDatabase), Migrations: []string{"CREATE TABLE t (b BLOB); INSERT INTO t VALUES (zeroblob(4194304))"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	text := archiveOf(t, dir)
	ctx, interrupt := context.WithCancel(t.Context())
	in := &interrupting{interrupt, 1 << 20, bytes.NewReader(text)}
	target := archive.Target{Dir: filepath.Join(t.TempDir(), "data"), Mark: mark}
	if _, err := target.Extract(ctx, in); !errors.Is(err, context.Canceled) || in.n < -64<<10 {
		t.Errorf("Extract = %v, %d bytes after the interrupt, want at once", err, -in.n)
	}
	ctx, interrupt = context.WithCancel(t.Context())
	out := &interrupting{interrupt, 1 << 20, nil}
	if _, err := (archive.Source{Dir: dir, Version: "v1"}).Write(ctx, out); !errors.Is(err, context.Canceled) || out.n < -256<<10 {
		t.Errorf("Write = %v, %d bytes after the interrupt, want at once", err, -out.n)
	}
}
