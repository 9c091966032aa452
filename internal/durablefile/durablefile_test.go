package durablefile_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/durablefile"
)

// TestWrite writes beside files that were there before. Only the written file is left.
func TestWrite(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]map[string]string{
		"a new file":               {},
		"a file that exists":       {"key": "an old and longer one"},
		"one that a crash cut off": {"key.tmp": "an unfinished and longer one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range before {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := durablefile.Write(filepath.Join(dir, "key"), []byte("new"), 0o600); err != nil {
				t.Fatalf("Write() = %v, want no error", err)
			}
			if diff := cmp.Diff(map[string]string{"key": "new"}, filesIn(t, dir)); diff != "" {
				t.Errorf("files after Write() (-want +got):\n%s", diff)
			}
			if runtime.GOOS == "windows" {
				return // without such permissions
			}
			info, err := os.Stat(filepath.Join(dir, "key"))
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode().Perm(); got != 0o600 {
				t.Errorf("permissions after Write() = %o, want 600", got)
			}
		})
	}
}

// TestWriteFails checks that a Write that fails leaves everything as it was.
func TestWriteFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		folder string // has a name that Write needs
		before map[string]string
	}{
		"cannot write":  {"key.tmp", map[string]string{"key": "old"}},
		"cannot rename": {"key", map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range test.before {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Mkdir(filepath.Join(dir, test.folder), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := durablefile.Write(filepath.Join(dir, "key"), []byte("new"), 0o600); err == nil {
				t.Error("Write() = nil, want an error")
			}
			if diff := cmp.Diff(test.before, filesIn(t, dir)); diff != "" {
				t.Errorf("files after Write() (-want +got):\n%s", diff)
			}
		})
	}
}

// filesIn returns the files in a folder, but not the folders.
func filesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(text)
	}
	return all
}
