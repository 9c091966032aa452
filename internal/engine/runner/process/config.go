// Package process runs each attempt of a task as a process group on this machine. It
// isolates only the environment, the home folder and the signals: a task can do what the
// server's user can do.
//
// An attempt ends with its main process, as a Cloud Run container does. The runner then
// kills all processes that it left behind. Every process of an attempt has a marker in
// its environment, by which the next server finds it after a crash.
//
// Deviation: nothing escapes a container; a process escapes if it leaves the group and
// removes the marker from its environment.
//
// The package needs Linux or macOS. macOS does not show the environment of other
// processes, so that a process escapes there if it leaves the group.
package process

import (
	"log/slog"

	"github.com/runwith/runwith/internal/engine/runner/secret"
)

// Config is what [Open] needs.
type Config struct {
	// Dir is the folder of the runner's own state, which Open creates with mode 0700.
	// Only one server at a time may use it.
	Dir string
	// Images maps an image to a command, for containers that name no command.
	Images map[string][]string
	// Metadata is the HOST:PORT of the metadata server, which each task has in its
	// environment. Empty means that there is none.
	Metadata string
	// MetadataProxy makes Metadata the tasks' proxy for plain HTTP (see
	// runner.AddMetadataProxy).
	MetadataProxy bool
	// Secrets has the values of environment variables that are secrets. Nil has none.
	Secrets *secret.Store
	// InGoTest makes errors name the options of package runwithtest, instead of flags of
	// the server.
	InGoTest bool
	// Logger receives errors that no caller sees. Nil discards them.
	Logger *slog.Logger
}
