package container

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/image"
	"github.com/runwith/runwith/internal/testneed"
)

// podman is a separate Podman that the test may kill.
type podman struct {
	t         *testing.T
	dir, root string
	bridge    string
	cmd       *exec.Cmd
}

// podmans counts those of this process.
var podmans atomic.Int32

// newPodman starts a Podman with its images and containers in the folder root.
func newPodman(t *testing.T, root string) *podman {
	t.Helper()
	testneed.Daemon(t) // if a daemon runs, another one can run too
	testneed.Tool(t, "podman")
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: a separate Podman needs root")
	}
	p := &podman{t: t, dir: scratch(t), root: root}
	files := p.network()
	maps.Copy(files, map[string]string{
		"containers.conf": "[engine]\nruntime = \"runc\"\n[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n" +
			"[network]\nnetwork_config_dir = \"" + p.dir + "\"\n",
		"registries.conf": "[[registry]]\nlocation = \"127.0.0.1\"\ninsecure = true\n",
	})
	writeTree(t, p.dir, files)
	t.Cleanup(p.end)
	p.start()
	return p
}

// network returns the files of a network that only this Podman has. Podman uses CNI or netavark, so
// there is a file for each. If two Podmans shared a bridge, netavark would give the same addresses
// to both, and one would remove the bridge that the other has just made.
func (p *podman) network() map[string]string {
	n := int(podmans.Add(1))
	p.bridge = fmt.Sprintf("rwpod%d-%d", os.Getpid(), n)
	base := fmt.Sprintf("10.215.%d.", os.Getpid()%256)
	subnet, gateway := fmt.Sprint(base, n%16*16, "/28"), fmt.Sprint(base, n%16*16+1)
	return map[string]string{
		"87-podman.conflist": `{"cniVersion": "0.4.0", "name": "podman", "plugins": [{"type": "bridge", "bridge": "` + p.bridge + `", "isGateway": true,
			"ipam": {"type": "host-local", "routes": [{"dst": "0.0.0.0/0"}], "ranges": [[{"subnet": "` + subnet + `"}]]}}]}`,
		"podman.json": fmt.Sprintf(`{"name": "podman", "id": "%064x", "driver": "bridge", "network_interface": %q,
			"subnets": [{"subnet": %q, "gateway": %q}], "ipam_options": {"driver": "host-local"}}`, os.Getpid()<<8+n, p.bridge, subnet, gateway),
	}
}

func (p *podman) host() string { return "unix://" + filepath.Join(p.dir, "podman.sock") }

// command returns a podman command that runs in its folder, because conmon leaves a file in the
// working folder.
func (p *podman) command(args ...string) *exec.Cmd {
	cmd := exec.Command("podman", append([]string{"--root", p.root, "--runroot", filepath.Join(p.dir, "run")}, args...)...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "CONTAINERS_CONF="+filepath.Join(p.dir, "containers.conf"),
		"CONTAINERS_REGISTRIES_CONF="+filepath.Join(p.dir, "registries.conf"))
	return cmd
}

// start starts the service, and returns when it answers.
func (p *podman) start() {
	p.t.Helper()
	said := new(printed)
	p.cmd = p.command("system", "service", "--time=0", p.host())
	p.cmd.Stdout, p.cmd.Stderr = said, said
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	eventually.NoError(p.t, func() error {
		d, err := dialHost(p.t.Context(), p.host(), "")
		if err != nil {
			return fmt.Errorf("podman does not answer: %w\n%s", err, said)
		}
		return d.Close()
	})
}

// kill kills the service. Its containers continue.
func (p *podman) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // it was killed
}

func (p *podman) end() {
	p.kill()
	if said, err := p.command("rm", "--all", "--force", "--time", "0").CombinedOutput(); err != nil {
		p.t.Logf("remove containers: %v\n%s", err, said)
	}
	_ = syscall.Unmount(filepath.Join(p.root, "overlay"), syscall.MNT_DETACH) // fails if no container ran
	_ = exec.Command("ip", "link", "delete", p.bridge).Run()                  // netavark has done that
	// Podman's own process that cleans up after a container may still write here for a moment.
	eventually.NoError(p.t, func() error {
		if err := os.RemoveAll(p.root); !errors.Is(err, syscall.EBUSY) { // a small disk of its own
			return err
		}
		return nil
	})
}

// TestPodmanIsKilled checks that the Runner waits for a killed Podman: containers continue, and end
// with their own exit code and complete output. Calls in between fail and can be repeated.
func TestPodmanIsKilled(t *testing.T) {
	t.Parallel()
	p := newPodman(t, t.TempDir())
	r := openBare(t, Config{Hosts: []string{p.host()}, Buckets: "/"})
	loadImage(t, r.daemon.Client, hostImage, hostFiles(t))
	file := filepath.Join(scratch(t), "go")
	spec := hosted(specOf(t, shell("echo one; while [ ! -e "+file+" ]; do sleep 0.05; done; echo two; exit 5")))
	stdout, _ := start(t, r, spec)
	stdout.await(t, "one\n")
	p.kill()
	other := spec
	other.ID.Task = 1
	if err := r.Start(t.Context(), other, runner.Output{}); runwith.CodeOf(err) != runwith.Unavailable {
		t.Errorf("Start while Podman is dead = %v, want UNAVAILABLE", err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p.start()
	if got, want := wait(t, r, spec.ID), (runner.Result{ExitCode: 5}); got != want {
		t.Errorf("ended with %+v, want %+v", got, want)
	}
	if got, want := stdout.String(), "one\ntwo\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	if _, _, result := run(t, r, other); result != (runner.Result{ExitCode: 5}) {
		t.Errorf("attempt that was repeated after the kill ended with %+v, want exit code 5", result)
	}
	none(t, r)
}

// TestPodmanIsGone checks that an attempt is lost, not failed, if Podman stays away, and that its
// next incarnation ends the first.
func TestPodmanIsGone(t *testing.T) {
	t.Parallel()
	p := newPodman(t, t.TempDir())
	r := openBare(t, Config{Hosts: []string{p.host()}, Buckets: "/", Patience: 300 * time.Millisecond})
	loadImage(t, r.daemon.Client, hostImage, hostFiles(t))
	spec := hosted(specOf(t, shell("echo one; while :; do sleep 1; done")))
	stdout, _ := start(t, r, spec)
	stdout.await(t, "one\n")
	p.kill()
	if _, err := r.Wait(t.Context(), spec.ID); !errors.Is(err, runner.ErrLost) {
		t.Errorf("Wait = %v, want ErrLost", err)
	}
	p.start()
	spec.ID.Incarnation = 1
	stdout, _ = start(t, r, spec)
	stdout.await(t, "one\n")
	if left, err := r.owned(t.Context()); err != nil || len(left) != 1 {
		t.Errorf("containers = %d, %v, want only the one of the next incarnation", len(left), err)
	}
	stop(t, r, spec.ID)
	waitStopped(t, r, spec.ID)
	none(t, r)
}

// TestDiskIsFullWhilePulling checks that a full disk fails a pull with the daemon's message, and
// that a small image still runs.
func TestDiskIsFullWhilePulling(t *testing.T) {
	t.Parallel()
	root, _, _ := testneed.SmallDisk(t)
	p := newPodman(t, root)
	r := openBare(t, Config{Hosts: []string{p.host()}, Buckets: "/"})
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	large := make([]byte, 8<<20)
	_, _ = rand.Read(large) // it returns no error
	pulled := strings.TrimPrefix(server.URL, "http://") + "/large:1"
	ref, err := name.ParseReference(pulled)
	if err != nil {
		t.Fatal(err)
	}
	built := imageOf(t, runtime.GOARCH, v1.Config{Entrypoint: []string{"/large"}}, image.Entry{Name: "large", Mode: 0o755, Text: large})
	if err := remote.Write(ref, built); err != nil {
		t.Fatal(err)
	}
	err = r.Prepare(t.Context(), imageTemplate(pulled))
	if runwith.CodeOf(err) != runwith.FailedPrecondition || !strings.Contains(err.Error(), "Image '"+pulled+"' cannot be pulled.") ||
		!strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("Prepare = %v, want FAILED_PRECONDITION with the missing space as the reason", err)
	}
	loadImage(t, r.daemon.Client, hostImage, hostFiles(t))
	if stdout, _, _ := run(t, r, hosted(specOf(t, shell("echo runs")))); stdout != "runs\n" {
		t.Errorf("output of a small image = %q, want it to run", stdout)
	}
}
