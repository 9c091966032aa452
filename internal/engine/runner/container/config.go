// Package container runs each attempt of a task as containers, through the Docker
// Engine API that Docker and Podman serve. What an earlier server placed and what
// still runs is adopted: it ends with its true exit code and its complete output.
//
// Every container bears labels with the data folder's ID and the attempt's. By them
// it is found again after a crash; nothing that does not bear this folder's is ever
// touched. A container is removed when its attempt has ended.
//
// What the daemon does not tell is inferred. Where a container ends with exit code
// 137, nobody has stopped it, and Podman runs on cgroups v1, where it never says so,
// it is taken to have been killed for its memory. A container that ended while its
// daemon was away, or as it shut down, is taken to have been ended by Docker, whatever
// its exit code, and by others with 137, 143 or 255: the attempt is lost, and that is no
// failure of the job's.
package container

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/runwith/runwith/internal/engine/runner/secret"
)

// Pull says when an image is pulled.
type Pull string

// The values of [Pull].
const (
	PullMissing Pull = "missing" // where the daemon has none; the zero value is the same
	PullAlways  Pull = "always"  // once for each execution
	PullNever   Pull = "never"
)

// DefaultPatience is how long a daemon may be away before its attempts count as lost.
const DefaultPatience = 30 * time.Second

// Config is what [Open] needs. Dir and Hosts are required.
type Config struct {
	// Dir is the folder for the runner's own state; it is created with mode 0700.
	// One server at a time may use it.
	Dir string
	// Hosts are the addresses of daemons, such as unix:///var/run/docker.sock. The
	// first that answers is taken.
	Hosts []string
	// CertDir holds ca.pem, cert.pem and key.pem for a daemon that wants TLS.
	CertDir string
	// Pull says when images are pulled; empty is PullMissing.
	Pull Pull
	// Network is the name of the network that tasks are on; empty is the daemon's own.
	Network string
	// Secrets has the values of secrets. Nil has none.
	Secrets *secret.Store
	// Buckets is the folder whose folders stand in for Cloud Storage buckets; empty is
	// none. It is a folder of the daemon's machine too.
	Buckets string
	// Metadata is served to tasks at an address of its own, that they are told of in
	// GCE_METADATA_HOST; nothing else is served there. Nil is none.
	Metadata http.Handler
	// Patience is how long the daemon may be away; 0 is DefaultPatience.
	Patience time.Duration
	// Logger hears what no caller can be told. Nil discards.
	Logger *slog.Logger
}

// Validate reports every fault of the configuration.
func (c Config) Validate() error {
	var faults []error
	if c.Dir == "" {
		faults = append(faults, errors.New("config.Dir: is required"))
	}
	if len(c.Hosts) == 0 {
		faults = append(faults, errors.New("config.Hosts: at least one is required"))
	}
	if c.Pull != "" && c.Pull != PullMissing && c.Pull != PullAlways && c.Pull != PullNever {
		faults = append(faults, fmt.Errorf("config.Pull: is %q, must be %s, %s or %s", c.Pull, PullAlways, PullMissing, PullNever))
	}
	if c.Patience < 0 {
		faults = append(faults, fmt.Errorf("config.Patience: is %v, must not be negative", c.Patience))
	}
	return errors.Join(faults...)
}
