// Package container runs each attempt of a task as containers, through the Docker Engine
// API that Docker and Podman serve. A Runner adopts the attempts of an earlier server
// that still run. They end with their own exit code and complete output.
//
// Every container has labels with the IDs of the data folder and of the attempt, by
// which the next server finds it. The Runner never touches a container without its
// folder's label. It removes a container when the attempt has ended.
//
// The Runner infers what the daemon does not report. Podman on cgroups v1 does not
// report that a container exceeded its memory: the Runner infers it from exit code 137
// of a container that nobody stopped. If a container ended while its daemon was away or
// shut down, the Runner infers that the daemon ended it: with Docker for any exit code,
// with others for 137, 143 and 255. Such an attempt is lost, which is no failure of the
// job.
package container

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/runwith/runwith/internal/engine/runner/secret"
)

// Pull is when to pull images.
type Pull string

// The values of [Pull].
const (
	PullMissing Pull = "missing" // if the daemon does not have the image; the zero value means the same
	PullAlways  Pull = "always"  // once for each execution
	PullNever   Pull = "never"
)

// DefaultPatience is how long a daemon may be away before its attempts are lost.
const DefaultPatience = 30 * time.Second

// Config is what [Open] needs. Dir and Hosts are required.
type Config struct {
	// Dir is the folder of the runner's own state, which Open creates with mode 0700.
	// Only one server at a time may use it.
	Dir string
	// Hosts are the addresses of daemons, such as unix:///var/run/docker.sock. Open
	// takes the first that answers.
	Hosts []string
	// CertDir is a folder with ca.pem, cert.pem and key.pem, for a daemon that requires
	// TLS.
	CertDir string
	// Pull is when to pull images; empty is PullMissing.
	Pull Pull
	// Network is the name of the network of tasks; empty is the daemon's default.
	Network string
	// Secrets has the values of secrets. Nil has none.
	Secrets *secret.Store
	// Buckets is the folder with one folder for each Cloud Storage bucket; empty means
	// no buckets. The daemon's machine must have the same folder.
	Buckets string
	// Metadata is the metadata server. The Runner serves it to tasks, and nothing else,
	// at an address of its own, which they find in GCE_METADATA_HOST. Nil serves none.
	Metadata http.Handler
	// MetadataProxy makes that address the tasks' proxy for plain HTTP (see
	// runner.AddMetadataProxy).
	MetadataProxy bool
	// Patience is how long the daemon may be away; 0 is DefaultPatience.
	Patience time.Duration
	// Logger receives errors that no caller sees. Nil discards them.
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
