//go:build linux || darwin

package process

import (
	"strings"

	"github.com/runwith/runwith/internal/engine/runner"
)

// markerName is the environment variable by which the processes of an attempt
// are found. Its value is FOLDER/ID: the data folder's random ID and the
// attempt's.
const markerName = "RUNWITH_ATTEMPT"

// marker is the random ID of a data folder, with a slash behind it.
type marker string

func openMarker(dir string) (marker, error) {
	id, err := runner.FolderID(dir)
	return marker(id + "/"), err
}

func (m marker) value(id runner.ID) string { return string(m) + id.String() }

// id returns the ID in a marker's value, and false for that of another folder.
func (m marker) id(value string) (runner.ID, bool) {
	rest, ok := strings.CutPrefix(value, string(m))
	if !ok {
		return runner.ID{}, false
	}
	id, err := runner.ParseID(rest)
	return id, err == nil
}
