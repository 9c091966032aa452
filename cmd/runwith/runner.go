package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/engine/emulator"
	"github.com/runwith/runwith/internal/engine/runner/container"
	"github.com/runwith/runwith/internal/engine/runner/secret"
)

// What --runner may be.
const (
	runAuto       = "auto"
	runProcesses  = "process"
	runContainers = "container"
)

// runnerFlags say how tasks run.
type runnerFlags struct {
	kind, pull, network string
	secrets, buckets    string
	say                 func(string) // tells people which it is; nil tells nobody
}

func (f *runnerFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.kind, "runner", runAuto, "how tasks run: container (Docker or Podman), process (on this machine, without isolation), or auto: containers where a daemon answers; an image that --image maps is a process in either case")
	flags.StringVar(&f.pull, "pull", string(container.PullMissing), "when images are pulled: always (once an execution), missing or never")
	flags.StringVar(&f.network, "network", "", "`NAME` of the network that containers are on (default: the daemon's own)")
	flags.Var((*folder)(&f.secrets), "secrets", "`DIR` with secrets: DIR/NAME/VERSION has a value, and latest is the highest")
	flags.Var((*folder)(&f.buckets), "buckets", "`DIR` with a folder for each Cloud Storage bucket that containers mount")
	f.say = func(line string) { fmt.Fprintln(cmd.ErrOrStderr(), line) }
}

// validate reports what the flags' own types do not.
func (f *runnerFlags) validate() error {
	switch f.kind {
	case runAuto, runProcesses, runContainers:
	default:
		return misused("--runner %s: must be %s, %s or %s", f.kind, runAuto, runContainers, runProcesses)
	}
	switch container.Pull(f.pull) {
	case "", container.PullAlways, container.PullMissing, container.PullNever:
		return nil
	}
	return misused("--pull %s: must be %s, %s or %s", f.pull, container.PullAlways, container.PullMissing, container.PullNever)
}

// openSecrets opens the folder of secrets, or none.
func (f *runnerFlags) openSecrets() (*secret.Store, error) {
	if f.secrets == "" {
		return nil, nil //nolint:nilnil // a nil store has no secrets, and says so
	}
	return secret.Open(f.secrets)
}

// containers opens the runner of containers when it is called, or none where tasks run
// as processes. It is nil where that is said.
func (f *runnerFlags) containers(data string, secrets *secret.Store, logger *slog.Logger) func(context.Context, http.Handler) (emulator.Containers, error) {
	if f.kind == runProcesses {
		return nil
	}
	return func(ctx context.Context, metadata http.Handler) (emulator.Containers, error) {
		r, err := container.Open(ctx, container.Config{
			Dir: filepath.Join(data, "run"), Hosts: daemons(), CertDir: certificates(),
			Pull: container.Pull(f.pull), Network: f.network,
			Secrets: secrets, Buckets: f.buckets, Metadata: metadata, Logger: logger,
		})
		switch {
		case err == nil:
			f.tell("tasks run as containers: " + r.String())
			return r, nil
		case f.kind == runAuto && errors.Is(err, container.ErrNoDaemon):
			f.tell("tasks run as processes of this machine, without isolation (" + err.Error() + ")")
			return nil, nil //nolint:nilnil // there are no containers, and that is well
		}
		return nil, err
	}
}

func (f *runnerFlags) tell(line string) {
	if f.say != nil {
		f.say(line)
	}
}

// daemons are the addresses at which Docker or Podman may be.
func daemons() []string {
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		return []string{host}
	}
	home, _ := os.UserHomeDir() // without one, nothing is looked for in it
	return container.Sockets(os.Getenv("XDG_RUNTIME_DIR"), home)
}

// certificates is the folder of those that a daemon asks for, as Docker's own commands
// find it.
func certificates() string {
	if os.Getenv("DOCKER_TLS_VERIFY") == "" {
		return ""
	}
	return os.Getenv("DOCKER_CERT_PATH")
}
