//go:build linux || darwin

package process

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/runwith/runwith/internal/runner"
)

// markerName is the environment variable by which the processes of an attempt
// are found. Its value is FOLDER/ID: the data folder's random ID and the
// attempt's.
const markerName = "RUNWITH_ATTEMPT"

// marker is the random ID of a data folder, with a slash behind it.
type marker string

// openMarker reads the data folder's ID, and makes one up for a new folder.
func openMarker(dir string) (marker, error) {
	path := filepath.Join(dir, "id")
	b, err := os.ReadFile(path)
	switch id := strings.TrimSpace(string(b)); {
	case err == nil && id != "":
		return marker(id + "/"), nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	id := rand.Text()
	if err := os.WriteFile(path+".tmp", []byte(id+"\n"), 0o600); err != nil {
		return "", err
	}
	return marker(id + "/"), os.Rename(path+".tmp", path)
}

func (m marker) value(id runner.ID) string { return string(m) + id.String() }

// id returns the ID in a marker's value, and false for that of another folder.
func (m marker) id(value string) (runner.ID, bool) {
	rest, ok := strings.CutPrefix(value, string(m))
	if !ok {
		return runner.ID{}, false
	}
	id, err := parseID(rest)
	return id, err == nil
}

// parseID reads what runner.ID.String wrote. The execution's name has slashes of
// its own.
func parseID(s string) (id runner.ID, err error) {
	rest := s
	for _, number := range []*int{&id.Incarnation, &id.Attempt, &id.Task} {
		slash := strings.LastIndexByte(rest, '/')
		if slash < 0 {
			return runner.ID{}, fmt.Errorf("parse attempt ID %q: want EXECUTION/TASK/ATTEMPT/INCARNATION", s)
		}
		if *number, err = strconv.Atoi(rest[slash+1:]); err != nil {
			return runner.ID{}, fmt.Errorf("parse attempt ID %q: %w", s, err)
		}
		rest = rest[:slash]
	}
	id.Execution = rest
	return id, nil
}
