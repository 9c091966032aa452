package runner

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/runwith/runwith/internal/durablefile"
)

// FolderID returns the random ID of a data folder, by which a runner recognizes its own
// attempts. It makes the ID in a new folder, and reports that. The folder must exist.
func FolderID(dir string) (id string, made bool, err error) {
	path := filepath.Join(dir, "id")
	b, err := os.ReadFile(path)
	switch id = strings.TrimSpace(string(b)); {
	case err == nil && id != "":
		return id, false, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", false, err
	}
	id = rand.Text()
	// Attempts bear the ID from now on. A folder that loses it no longer finds them.
	return id, true, durablefile.Write(path, []byte(id+"\n"), 0o600)
}
