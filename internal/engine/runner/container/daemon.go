package container

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/runwith/runwith/internal/backoff"
)

// Sockets returns the usual addresses of Docker and Podman, also of rootless ones, in
// the order in which to try them. runtimeDir is the user's folder for sockets
// (XDG_RUNTIME_DIR). It and home may be empty.
func Sockets(runtimeDir, home string) []string {
	var hosts []string
	add := func(dir string, path ...string) {
		if dir != "" {
			hosts = append(hosts, "unix://"+filepath.Join(append([]string{dir}, path...)...))
		}
	}
	add("/var/run", "docker.sock")
	add(runtimeDir, "docker.sock")
	add(home, ".docker", "run", "docker.sock")
	add("/run", "podman", "podman.sock")
	add(runtimeDir, "podman", "podman.sock")
	add(home, ".local", "share", "containers", "podman", "machine", "podman.sock")
	return hosts
}

// askTimeout is how long a daemon has to answer. A busy one takes its time.
const askTimeout = 30 * time.Second

// daemon is a connection to the Docker Engine API, and the properties of what serves it.
type daemon struct {
	*client.Client
	podman   bool
	rootless bool
	remote   bool // containers run on another machine, or in a virtual one
	endsAll  bool // containers end with the daemon
	cgroups1 bool
	arch     string // as Go names it
	cpus     int
	wanted   chan struct{} // has an element when an attempt is new
	broke    atomic.Int64  // when the connection last broke, in Unix nanoseconds
	missed   atomic.Int64  // when the daemon was last found to be away, at or after broke
}

// removals is how many attempts are removed at once. Docker gets as many as it has CPUs,
// because starting comes first. Podman gets far more: it cleans up behind each container
// with a process of its own, which has little to do if the container is gone.
func (d *daemon) removals() int {
	if d.podman {
		return 64
	}
	return max(1, d.cpus)
}

// watch keeps a connection open while there are attempts. When that connection breaks,
// the others have broken too, and their output may be cut short. The same holds if it
// cannot be opened: the daemon has just gone away. Without attempts watch keeps none, so
// that a daemon that systemd starts on demand can stop.
func (d *daemon) watch(ctx context.Context, busy func() bool) {
	noted := false // that the daemon is away; its first moment counts
	for ctx.Err() == nil {
		if !busy() {
			noted = false
			select {
			case <-d.wanted:
			case <-ctx.Done():
			}
			continue
		}
		if conn, err := d.Dialer()(ctx); err == nil {
			if !untilBroken(ctx, conn, busy) {
				continue
			}
			noted = false
		}
		now := time.Now().UnixNano()
		if !noted {
			d.broke.Store(now)
			noted = true
		}
		// It may have answered others since the last look.
		d.missed.Store(now)
		_ = backoff.Sleep(ctx, watchPause)
	}
}

// idlePause is how long watch may hold its connection without attempts.
const idlePause = 10 * time.Second

// untilBroken holds a connection until it breaks, and reports that. It lets go of the connection
// when ctx is done, or when there are no attempts any more.
func untilBroken(ctx context.Context, conn net.Conn, busy func() bool) (broke bool) {
	ctx, letGo := context.WithCancel(ctx)
	defer letGo()
	go func() {
		defer letGo()
		for busy() && backoff.Sleep(ctx, idlePause) == nil {
		}
	}()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer conn.Close()
	// Docker closes a connection without any request after five minutes.
	_, _ = io.WriteString(conn, "HEAD /_ping HTTP/1.1\r\nHost: "+client.DummyHost+"\r\n\r\n")
	_, _ = io.Copy(io.Discard, conn)
	return ctx.Err() == nil
}

// want starts the watching for a new attempt, which must be in the registry.
func (d *daemon) want() {
	select {
	case d.wanted <- struct{}{}:
	default: // watch knows already
	}
}

// brokeSince reports whether the daemon was away at some moment after t.
func (d *daemon) brokeSince(t time.Time) bool { return d.missed.Load() >= t.UnixNano() }

// mayHaveEnded reports whether the daemon may have ended a container when it went away:
// one that was last seen to run before that. Docker ends its containers when it stops,
// or when it is back, and with any exit code. Podman's containers continue, and so do
// Docker's with live-restore, unless somebody killed them.
func (d *daemon) mayHaveEnded(seen time.Time, s *container.State) bool {
	if !d.brokeSince(seen) {
		return false
	}
	if d.endsAll {
		finished, err := time.Parse(time.RFC3339Nano, s.FinishedAt)
		return err != nil || d.remote || d.broke.Load()-finished.UnixNano() <= int64(shutdownTime)
	}
	return s.ExitCode == exitKilled || s.ExitCode == exitTerminated || s.ExitCode == exitUnknown
}

// shutdownTime is how long Docker takes to shut down by default.
const shutdownTime = 15 * time.Second

// shutsDown reports whether the daemon ended a container because it shuts down: it sent
// a signal that nobody here asked for, and then goes away.
func (d *daemon) shutsDown(ctx context.Context, id string, ended time.Time) bool {
	if !d.endsAll || !d.signalled(ctx, id) {
		return false
	}
	for time.Since(ended) < shutdownTime {
		if d.brokeSince(ended) {
			return true
		}
		if backoff.Sleep(ctx, watchPause) != nil {
			return false
		}
	}
	return false // somebody else sent the signal
}

// signalled reports whether the daemon sent a signal to a container, as far as it
// remembers. It is also true if the daemon has just gone away and cannot answer.
func (d *daemon) signalled(ctx context.Context, id string) bool {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	now := time.Now()
	events := d.Events(ctx, client.EventsListOptions{ // with an end in the past, so that the stream ends
		Until:   fmt.Sprintf("%d.%09d", now.Unix(), now.Nanosecond()),
		Filters: make(client.Filters).Add("container", id).Add("event", "kill"),
	})
	select {
	case <-events.Messages:
		return true
	case err := <-events.Err:
		return !errors.Is(err, io.EOF) // the events end without one
	}
}

// ErrNoDaemon means that no daemon was found, or that none answers.
var ErrNoDaemon = errors.New("no Docker or Podman answers")

// dial connects to the first host that answers. Its errors are ErrNoDaemon.
func dial(ctx context.Context, c Config) (*daemon, error) {
	var faults []error
	for _, host := range c.Hosts {
		d, err := dialHost(ctx, host, c.CertDir)
		if err == nil {
			return d, nil
		}
		faults = append(faults, err)
	}
	if len(faults) > 1 && !slices.ContainsFunc(faults, func(err error) bool { return !errors.Is(err, fs.ErrNotExist) }) {
		return nil, fmt.Errorf("%w: there is no socket at %s; start one, or name its socket in DOCKER_HOST",
			ErrNoDaemon, strings.Join(c.Hosts, ", "))
	}
	faults = slices.DeleteFunc(faults, func(err error) bool { return len(faults) > 1 && errors.Is(err, fs.ErrNotExist) })
	return nil, fmt.Errorf("%w: %w", ErrNoDaemon, errors.Join(faults...))
}

// podmanHeader is in Podman's answer to a ping. Asking for the version takes longer than
// everything else here.
const podmanHeader = "Libpod-Api-Version"

// idleConns is how many idle connections to a daemon stay open. The client's default is
// 2, so that many tasks would open a new one for most calls.
const idleConns = 32

// newHTTPClient returns the client's own HTTP client with more idle connections.
// Attaching needs HTTP/1, and the client takes a transport that could speak HTTP/2 for
// one with TLS.
func newHTTPClient() *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Client{
		Transport: &http.Transport{
			MaxIdleConnsPerHost: idleConns, IdleConnTimeout: 30 * time.Second, Protocols: protocols,
		},
		CheckRedirect: client.CheckRedirect,
	}
}

func dialHost(ctx context.Context, host, certDir string) (*daemon, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if err := checkSocket(host); err != nil {
		return nil, err
	}
	var podman atomic.Bool
	options := []client.Opt{client.WithHTTPClient(newHTTPClient()), client.WithHost(host), client.WithHTTPResponseHook(func(r *http.Response) {
		if r.Header.Get(podmanHeader) != "" {
			podman.Store(true)
		}
	})}
	if certDir != "" {
		options = append(options, client.WithTLSClientConfig(
			filepath.Join(certDir, "ca.pem"), filepath.Join(certDir, "cert.pem"), filepath.Join(certDir, "key.pem")))
	}
	c, err := client.New(options...)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", host, err)
	}
	d := &daemon{Client: c, wanted: make(chan struct{}, 1)}
	if err := d.look(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to %s: %w", host, err), c.Close())
	}
	if d.podman = podman.Load(); d.podman {
		d.endsAll = false // containers depend on no process of its own
	}
	return d, nil
}

// checkSocket reports what is wrong with a Unix socket before anybody connects to it.
func checkSocket(host string) error {
	path, ok := strings.CutPrefix(host, "unix://")
	if !ok {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", host, err)
	}
	if !accessible(path) {
		return fmt.Errorf("connect to %s: %w; it is open to group %s: join it (sudo usermod -aG %[3]s $USER) and log in again",
			host, fs.ErrPermission, groupOf(info))
	}
	return nil
}

// look finds out the daemon's properties.
func (d *daemon) look(ctx context.Context) error {
	if _, err := d.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return err
	}
	reply, err := d.Info(ctx, client.InfoOptions{})
	if err != nil {
		return err
	}
	info := reply.Info
	if info.OSType != "linux" {
		return fmt.Errorf("it runs containers for %s, and Cloud Run's are for linux", info.OSType)
	}
	d.rootless = slices.ContainsFunc(info.SecurityOptions, func(o string) bool { return strings.Contains(o, "rootless") })
	d.remote = !strings.HasPrefix(d.DaemonHost(), "unix://") || info.OperatingSystem == "Docker Desktop" || !sameMachine(info.KernelVersion)
	d.endsAll = !info.LiveRestoreEnabled
	d.cgroups1 = info.CgroupVersion == "1"
	d.arch, d.cpus = goArch(info.Architecture), info.NCPU
	return nil
}

// goArch returns Go's name of an architecture, which images use too.
func goArch(arch string) string {
	switch arch {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	}
	return arch
}

// emulates reports whether images for another architecture may run. It assumes that a
// virtual machine emulates, because it cannot ask.
func (d *daemon) emulates(arch string) bool {
	if d.remote {
		return true
	}
	name := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[arch]
	found, err := filepath.Glob("/proc/sys/fs/binfmt_misc/*" + cmp.Or(name, arch) + "*")
	return err == nil && len(found) > 0
}

// String names the daemon for people.
func (d *daemon) String() string {
	name := "Docker"
	if d.podman {
		name = "Podman"
	}
	return fmt.Sprintf("%s at %s", name, d.DaemonHost())
}
