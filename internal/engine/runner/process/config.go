// Package process runs each attempt of a task as a process group on this
// machine. It isolates nothing but the environment, the home folder and the
// signals: a task can do what the server's user can do.
//
// An attempt ends with its main process, as a Cloud Run container does: what it
// started and left behind is killed. Everything that belongs to an attempt
// carries a marker in its environment, by which it is found again after a crash
// of the server.
//
// Deviation: nothing escapes a container; here a process does that leaves the group
// and takes the marker out of its environment.
//
// The package needs Linux or macOS. On macOS the environment of other processes
// is not read, so that what leaves the group escapes there.
package process

import (
	"log/slog"

	"github.com/runwith/runwith/internal/engine/runner/secret"
)

// Config is what [Open] needs.
type Config struct {
	// Dir is the folder for the runner's own state; it is created with mode 0700.
	// One server at a time may use it.
	Dir string
	// Images maps an image to the command that stands in for it, for containers
	// that name no command.
	Images map[string][]string
	// Metadata is the HOST:PORT of the metadata server, which each task has in its
	// environment. Empty means that there is none.
	Metadata string
	// Secrets has the values of environment variables that are secrets. Nil has none.
	Secrets *secret.Store
	// Logger hears what no caller can be told. Nil discards.
	Logger *slog.Logger
}
