package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/engine/emulator"
	"github.com/runwith/runwith/internal/engine/runner/container"
	"github.com/runwith/runwith/internal/engine/runner/secret"
)

// Values of --runner.
const (
	runAuto       = "auto"
	runProcesses  = "process"
	runContainers = "container"
	runKubernetes = "kubernetes"
)

const stopTasksFlag = "stop-tasks"

// runnerFlags choose how tasks run.
type runnerFlags struct {
	kind, pull, network string
	secrets, buckets    string
	stopTasks           bool
	metadataProxy       bool
	metadataAddr        string
	kubernetes          kubernetesFlags
	docker              func() []string // the flags for Docker and Podman that are set
	chosen              *string         // receives the runner in words; nil receives nothing
	say                 func(string)    // tells people what happens; nil tells nobody
}

func (f *runnerFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.kind, "runner", runAuto, "how tasks run: container (Docker or Podman), kubernetes (as Pods), process (on this machine, without isolation), or auto (containers if a daemon answers); an image with --image always runs as a process")
	flags.StringVar(&f.pull, "pull", string(container.PullMissing), "when to pull images: always (once for each execution), missing or never")
	flags.StringVar(&f.network, "network", "", "network `NAME` for containers (default: the daemon's own)")
	flags.Var((*folder)(&f.secrets), "secrets", "folder `DIR` of secrets: DIR/NAME/VERSION holds a value, and latest is the highest version")
	flags.Var((*folder)(&f.buckets), "buckets", "folder `DIR` with one folder for each Cloud Storage bucket that containers mount")
	flags.BoolVar(&f.stopTasks, stopTasksFlag, false, "end containers and Pods when the server stops; by default they keep running, and the next start continues with them")
	flags.BoolVar(&f.metadataProxy, "metadata-proxy", false, "set http_proxy for tasks, so that http://metadata.google.internal is the metadata server; plain HTTP to hosts other than localhost then fails")
	flags.StringVar(&f.metadataAddr, "metadata-addr", "", "`HOST:PORT` of a listener for the metadata server alone, which Pods may reach; see --kubernetes-metadata")
	f.kubernetes.add(cmd)
	f.docker = func() (set []string) {
		for _, name := range []string{"pull", "network", "secrets", "buckets"} {
			if flags.Changed(name) {
				set = append(set, name)
			}
		}
		return set
	}
	f.chosen = new("")
	f.say = func(line string) { fmt.Fprintln(cmd.ErrOrStderr(), line) }
}

// validate reports mistakes that the types of the flags do not catch.
func (f *runnerFlags) validate() error {
	switch f.kind {
	case runAuto, runProcesses, runContainers:
		if f.kubernetes.changed == nil {
			break
		}
		if set := f.kubernetes.changed(); len(set) > 0 {
			return misused("--%s: is for --runner %s", set[0], runKubernetes)
		}
		if f.metadataAddr != "" {
			return misused("--metadata-addr: is for --runner %s; containers find the metadata server without it", runKubernetes)
		}
	case runKubernetes:
		return f.validateKubernetes()
	default:
		return misused("--runner %s: must be %s, %s, %s or %s", f.kind, runAuto, runContainers, runKubernetes, runProcesses)
	}
	switch container.Pull(f.pull) {
	case "", container.PullAlways, container.PullMissing, container.PullNever:
		return nil
	}
	return misused("--pull %s: must be %s, %s or %s", f.pull, container.PullAlways, container.PullMissing, container.PullNever)
}

// openSecrets opens the folder of secrets. Without one it returns nil.
func (f *runnerFlags) openSecrets() (*secret.Store, error) {
	if f.secrets == "" {
		return nil, nil //nolint:nilnil // a nil store has no secrets, and says so
	}
	return secret.Open(f.secrets)
}

// containers returns a function that opens the runner of containers, or no runner if no
// daemon answers. It returns nil if the flags request processes.
func (f *runnerFlags) containers(data string, secrets *secret.Store, logger *slog.Logger) func(context.Context, emulator.Surroundings) (emulator.Containers, error) {
	switch f.kind {
	case runProcesses:
		return nil
	case runKubernetes:
		return f.pods(data, logger)
	}
	return func(ctx context.Context, of emulator.Surroundings) (emulator.Containers, error) {
		r, err := container.Open(ctx, container.Config{
			Dir: filepath.Join(data, "run"), Hosts: daemons(), CertDir: certificates(),
			Pull: container.Pull(f.pull), Network: f.network,
			Secrets: secrets, Buckets: f.buckets, Metadata: of.Metadata, MetadataProxy: f.metadataProxy, Logger: logger,
		})
		switch {
		case err == nil:
			f.choose("tasks run as containers: " + r.String())
			return r, nil
		case f.kind == runAuto && errors.Is(err, container.ErrNoDaemon):
			f.choose("tasks run as processes of this machine, without isolation: " + container.ErrNoDaemon.Error() + " (-v tells more)")
			logger.DebugContext(ctx, "no container daemon", "error", err)
			return nil, nil //nolint:nilnil // without a daemon, tasks run as processes
		}
		return nil, err
	}
}

// sayDetached tells people that tasks keep running after the server has stopped.
func (f *runnerFlags) sayDetached(tasks int) {
	keep, them, executions := "1 task keeps running in a container", "it", "its execution"
	if tasks > 1 {
		keep, them, executions = fmt.Sprintf("%d tasks keep running in containers", tasks), "them", "their executions"
	}
	if f.kind == runKubernetes {
		keep = strings.NewReplacer("a container", "a Pod", "containers", "Pods").Replace(keep)
	}
	f.tell(fmt.Sprintf("%s, and the next start on this data folder continues with %s.\n"+
		"To end %[2]s, start the server again and cancel %s, or stop it with --%s.", keep, them, executions, stopTasksFlag))
}

// choose notes which runner it is. It is printed once the server is ready, because a
// refusal to start would otherwise be lost below it.
func (f *runnerFlags) choose(line string) {
	if f.chosen != nil {
		*f.chosen = line
	}
}

func (f *runnerFlags) tell(line string) {
	if f.say != nil {
		f.say(line)
	}
}

// daemons returns the addresses where Docker or Podman may listen.
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
