package container

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestResolveBelow checks that a folder of buckets is resolved as the daemon needs it, and that no
// link leads out of it.
func TestResolveBelow(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	in := func(path string) string { return filepath.Join(dir, filepath.FromSlash(path)) }
	if err := errors.Join(
		os.MkdirAll(in("root/bucket/folder"), 0o700), os.MkdirAll(in("root-of-another"), 0o700),
		os.Symlink(in("root/bucket"), in("root/inside")), os.Symlink(in("root-of-another"), in("root/outside")),
		os.Symlink(in("root"), in("link")), os.Symlink(in("nowhere"), in("root/dangling")),
	); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ root, rel, want string }{
		"a folder":                         {in("root"), "bucket/folder", in("root/bucket/folder")},
		"the root":                         {in("root"), ".", in("root")},
		"a link":                           {in("root"), "inside/folder", in("root/bucket/folder")},
		"a root that is a link":            {in("link"), "bucket", in("root/bucket")},
		"the root of the machine":          {filepath.VolumeName(dir) + string(filepath.Separator), dir[len(filepath.VolumeName(dir))+1:], dir},
		"a link that leads out":            {in("root"), "outside", ""},
		"a link to nothing":                {in("root"), "dangling", ""},
		"a link that leads out, by a link": {in("link"), "outside", ""},
	} {
		got, err := resolveBelow(test.root, test.rel)
		if got != test.want {
			t.Errorf("%s: resolveBelow() = %q, %v, want %q", name, got, err, test.want)
		}
		if failed := err != nil; failed != (test.want == "") {
			t.Errorf("%s: resolveBelow() = %q, %v, want an error: %t", name, got, err, test.want == "")
		}
	}
}
