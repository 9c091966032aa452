//go:build linux || darwin

package process

import (
	"strings"

	"github.com/runwith/runwith/internal/engine/runner"
)

// markerName is the environment variable by which the runner finds the processes of an
// attempt. Its value is FOLDER/ID: the random ID of the data folder, and the attempt's
// ID.
const markerName = "RUNWITH_ATTEMPT"

// marker is the random ID of a data folder and a slash.
type marker string

func openMarker(dir string) (_ marker, made bool, err error) {
	id, made, err := runner.FolderID(dir)
	return marker(id + "/"), made, err
}

func (m marker) value(id runner.ID) string { return string(m) + id.String() }

// id returns the ID in a marker's value, and false for another folder's marker.
func (m marker) id(value string) (runner.ID, bool) {
	rest, ok := strings.CutPrefix(value, string(m))
	if !ok {
		return runner.ID{}, false
	}
	id, err := runner.ParseID(rest)
	return id, err == nil
}
