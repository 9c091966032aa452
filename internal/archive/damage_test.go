package archive_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Damage at any offset of an archive is an error, or does not matter: no folder has other
// content than the one that was backed up.
func TestDamagedArchive(t *testing.T) {
	t.Parallel()
	whole := archiveOf(t, sampleFolder(t, both, "a.log"))
	want := contents(t, whole)
	for name, damage := range map[string]func(text []byte, at int) []byte{
		"a flipped bit":      func(text []byte, at int) []byte { text[at] ^= 1; return text },
		"zeros":              func(text []byte, at int) []byte { clear(text[at:min(at+700, len(text))]); return text },
		"the end is missing": func(text []byte, at int) []byte { return text[:at] },
	} {
		refused := 0
		for at := 0; at < len(whole); at += 509 {
			text := damage(bytes.Clone(whole), at)
			dir := filepath.Join(t.TempDir(), "data")
			_, err := extract(t, text, dir)
			if err != nil {
				refused++
				if strings.Contains(err.Error(), "\n") || len(filesIn(t, dir)) > 0 {
					t.Errorf("%s at %d: Extract = %v and left %v, want one line and nothing", name, at, err, filesIn(t, dir))
				}
				continue
			}
			for file, text := range want {
				if got, err := os.ReadFile(filepath.Join(dir, file)); err != nil || !bytes.Equal(got, text) {
					t.Errorf("%s at %d: %s differs (%v), want an error or the same content", name, at, file, err)
				}
			}
		}
		if refused < len(whole)/509/4 {
			t.Errorf("%s: %d of %d were refused, want most of them", name, refused, len(whole)/509)
		}
	}
}

// contents returns the files that an archive has.
func contents(t *testing.T, text []byte) map[string][]byte {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if _, err := extract(t, text, dir); err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for name := range filesIn(t, dir) {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = content
	}
	return all
}

// TestDamagedNameOfTheChecksum damages the manifest so that it seems to have no checksum, as that of
// an early release.
func TestDamagedNameOfTheChecksum(t *testing.T) {
	t.Parallel()
	whole := archiveOf(t, sampleFolder(t, both, "a.log"))
	for name, test := range map[string]struct {
		from, to string
		refused  bool
	}{
		"another name":  {`"sha256":"`, `"sha266":"`, true},
		"no checksum":   {`,"sha256":"`, `,"sha256":""}` + "\n", false},
		"another value": {`"sha256":"`, `"sha256":"0`, true},
	} {
		at := bytes.Index(whole, []byte(test.from))
		text := bytes.Clone(whole)
		copy(text[at:], test.to)
		if name == "no checksum" { // blanks after the end of the manifest
			rest := text[at+len(test.to):]
			for n := range bytes.IndexByte(rest, 0) {
				rest[n] = ' '
			}
		}
		_, err := extract(t, text, filepath.Join(t.TempDir(), "data"))
		if (err != nil) != test.refused {
			t.Errorf("%s: Extract = %v, want it refused = %v", name, err, test.refused)
		}
	}
}
