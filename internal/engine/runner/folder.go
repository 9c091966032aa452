package runner

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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
	if err := os.WriteFile(path+".tmp", []byte(id+"\n"), 0o600); err != nil {
		return "", false, err
	}
	return id, true, os.Rename(path+".tmp", path)
}
