//go:build unix

package container

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/runnertest"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/testneed"
)

// crashed starts an attempt from a process and kills the process. It returns a Runner that
// is open on the same folder.
func crashed(t *testing.T, spec runner.Spec) *Runner {
	t.Helper()
	host, dir := testneed.Daemon(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, hostFile), []byte(host), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Config{Dir: dir, Hosts: []string{host}, Buckets: "/"}
	openTest(t, c) // loads the images
	runnertest.CrashIn(t, dir, spec)
	return openTest(t, c)
}

// TestAdoptedOutputIsComplete checks that an adopted container's output is neither lost nor
// doubled, also if a part was stored before the crash.
func TestAdoptedOutputIsComplete(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	const n = 100_000 // of each stream
	spec := hosted(specOf(t, self("lines", fmt.Sprint(n))))
	r := crashed(t, spec)
	var want [2]string
	for i, name := range []string{"stdout", "stderr"} {
		var b strings.Builder
		for i := range n {
			b.WriteString(line(name, i))
		}
		b.WriteString("the last")
		want[i] = b.String()
	}
	kept := [2]runner.Extent{{Lines: 1234}, {Lines: 7, Tail: 5}}
	var out [2]printed
	for i, extent := range kept {
		before := strings.SplitAfterN(want[i], "\n", extent.Lines+1)
		tail := before[extent.Lines][:extent.Tail]
		_, _ = out[i].Write([]byte(strings.Join(before[:extent.Lines], "") + tail))
	}
	spec.Resume = true
	err := r.Start(t.Context(), spec, runner.Output{Stdout: &out[0], Stderr: &out[1], Kept: func() (runner.Extent, runner.Extent, error) {
		return kept[0], kept[1], nil
	}})
	if err != nil {
		t.Fatalf("Start = %v, want no error", err)
	}
	if result := wait(t, r, spec.ID); result != (runner.Result{}) {
		t.Errorf("ended with %+v, want exit code 0", result)
	}
	for i, name := range []string{"stdout", "stderr"} {
		got := out[i].String()
		if !r.daemon.podman {
			got = strings.ReplaceAll(got, "\uFFFD", "\xff") // Docker's record is UTF-8
		}
		if got != want[i] {
			t.Errorf("%s has %d lines, want %d of %d bytes; they differ from byte %d on", name, strings.Count(got, "\n"), n, len(want[i]), runnertest.FirstDifference(got, want[i]))
		}
	}
	none(t, r)
}

// TestAdoptedContinues checks that an adopted container's output arrives while it runs, and
// that it ends with its own exit code.
func TestAdoptedContinues(t *testing.T) {
	t.Parallel()
	file := filepath.Join(scratch(t), "go")
	spec := hosted(specOf(t, shell("echo before; echo again; while [ ! -e "+file+" ]; do sleep 0.05; done; echo after; exit 6")))
	r := crashed(t, spec)
	spec.Resume = true
	stdout, _ := start(t, r, spec)
	stdout.await(t, "before\n")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := wait(t, r, spec.ID), (runner.Result{ExitCode: 6}); got != want {
		t.Errorf("ended with %+v, want %+v", got, want)
	}
	if got, want := stdout.String(), "before\nagain\nafter\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}

// TestStopOfAnEndedAttempt checks that the time which an attempt ran is known if it had ended before
// it was stopped.
func TestStopOfAnEndedAttempt(t *testing.T) {
	t.Parallel()
	spec := hosted(specOf(t, shell("exit 6")))
	r := crashed(t, spec)
	all, err := r.owned(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("containers = %d, %v, want 1", len(all), err)
	}
	m := newMember(all[0].ID, "", true, runner.Output{})
	eventually.True(t, "the container has ended", func() bool {
		state, err := r.state(t.Context(), m)
		return err == nil && hasEnded(state)
	})
	spec.Resume = true
	start(t, r, spec)
	stop(t, r, spec.ID)
	if got, want := wait(t, r, spec.ID), (runner.Result{ExitCode: 6}); got != want {
		t.Errorf("ended with %+v, want %+v", got, want)
	}
}

// scratch returns a folder that containers see at the same path.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "container") //nolint:usetesting // TMPDIR may lie elsewhere
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// several returns an attempt whose containers share a volume: a sidecar that prints and waits
// for SIGTERM, and a main container that ends once the file exists.
func several(t *testing.T, file string) runner.Spec {
	side := named("side", shell("trap 'echo side ends; exit 0' TERM; echo side one; echo side two; while :; do sleep 0.05; done"))
	main := named("main", shell("echo main one; while [ ! -e "+file+" ]; do sleep 0.05; done; echo main two; exit 6"), "side")
	spec := hosted(specOf(t, main, side))
	spec.Template.Volumes = append(spec.Template.Volumes, memoryVolume("both", "1Mi"))
	for _, c := range spec.Template.Containers {
		c.VolumeMounts = append(c.VolumeMounts, &runpb.VolumeMount{Name: "both", MountPath: "/both"})
	}
	return spec
}

// noVolumes waits until no volume has the folder's label. Volumes are removed after the
// containers.
func noVolumes(t *testing.T, r *Runner) {
	t.Helper()
	filters := make(client.Filters).Add("label", folderLabel+"="+r.folder)
	eventually.NoError(t, func() error {
		left, err := r.daemon.VolumeList(t.Context(), client.VolumeListOptions{Filters: filters})
		if err == nil && len(left.Items) > 0 {
			err = fmt.Errorf("volumes are left: %v", left.Items)
		}
		return err
	})
}

// TestSeveralAreAdopted checks that a task of several containers is adopted: the output of each
// continues after its stored part, and the main container's end ends all.
func TestSeveralAreAdopted(t *testing.T) {
	t.Parallel()
	file := filepath.Join(scratch(t), "go")
	spec := several(t, file)
	r := crashed(t, spec)
	kept := []runner.Extent{{Tail: len("main")}, {Lines: 1}}
	out := []*printed{new(printed), new(printed)}
	for i, text := range []string{"main", "side one\n"} {
		_, _ = out[i].Write([]byte(text))
	}
	spec.Resume = true
	err := r.Start(t.Context(), spec, runner.Output{Container: func(i int) runner.Output {
		return runner.Output{Stdout: out[i], Stderr: out[i], Kept: func() (stdout, stderr runner.Extent, err error) { return kept[i], stderr, nil }}
	}})
	if err != nil {
		t.Fatalf("Start = %v, want no error", err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := wait(t, r, spec.ID), (runner.Result{ExitCode: 6}); got != want {
		t.Errorf("ended with %+v, want %+v", got, want)
	}
	for i, want := range []string{"main one\nmain two\n", "side one\nside two\nside ends\n"} {
		if got := out[i].String(); got != want {
			t.Errorf("container %d printed %q, want %q", i, got, want)
		}
	}
	none(t, r)
	noVolumes(t, r)
}

// TestCloseBeforeAdoption checks that a Runner which closes before anybody has adopted an attempt
// leaves it to the next one, and no longer lists it.
func TestCloseBeforeAdoption(t *testing.T) {
	t.Parallel()
	spec := hosted(specOf(t, shell("trap 'exit 5' TERM; while :; do sleep 0.05; done")))
	hasty := crashed(t, spec)
	if err := hasty.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := hasty.List(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("List() of a closed Runner = %v, %v, want nothing", left, err)
	}
	next := openTest(t, hasty.config)
	if left, err := next.List(t.Context()); err != nil || len(left) != 1 {
		t.Errorf("List() of the next Runner = %v, %v, want the attempt", left, err)
	}
	if err := next.Stop(t.Context(), spec.ID, 0); err != nil {
		t.Error(err)
	}
	eventually.True(t, "the Runner has forgotten the attempt", next.attempts.Empty)
	none(t, next)
}

// TestNotAdopted checks that a task with a missing container is lost and its other containers
// are ended, and that Resume does not start an attempt that was never placed.
func TestNotAdopted(t *testing.T) {
	t.Parallel()
	spec := several(t, filepath.Join(scratch(t), "go"))
	before := crashed(t, spec)
	all, err := before.owned(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("containers = %d, %v, want 2", len(all), err)
	}
	if err := before.removeContainer(t.Context(), all[1].ID); err != nil {
		t.Fatal(err)
	}
	r := openTest(t, Config{Dir: before.config.Dir, Hosts: before.config.Hosts, Buckets: "/"})
	never := spec
	never.ID.Task = 9
	for _, spec := range []runner.Spec{spec, never} {
		spec.Resume = true
		if err := r.Start(t.Context(), spec, runner.Output{}); err != nil {
			t.Errorf("Start(%v) = %v, want no error", spec.ID, err)
		}
		if _, err := r.Wait(t.Context(), spec.ID); !errors.Is(err, runner.ErrLost) {
			t.Errorf("Wait(%v) = %v, want ErrLost", spec.ID, err)
		}
	}
	none(t, r)
	noVolumes(t, r)
}

// TestOthersAreSpared checks that the Runner touches no container with another folder's label,
// or without an attempt's label.
func TestOthersAreSpared(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := openTest(t, Config{Dir: dir, Buckets: "/"})
	others := map[string]map[string]string{
		"another folder's": {folderLabel: "other", attemptLabel: "e/0/0/0", roleLabel: roleMain},
		"no attempt's":     {folderLabel: r.folder, attemptLabel: "mine"},
		"no role":          {folderLabel: r.folder, attemptLabel: "e/0/0/0"},
	}
	made := map[string]string{}
	for name, labels := range others {
		reply, err := r.daemon.ContainerCreate(t.Context(), client.ContainerCreateOptions{Config: &container.Config{Image: jobImage, Labels: labels}})
		if err != nil {
			t.Fatal(err)
		}
		made[name] = reply.ID
		t.Cleanup(func() {
			_, _ = r.daemon.ContainerRemove(context.WithoutCancel(t.Context()), reply.ID, client.ContainerRemoveOptions{Force: true})
		})
	}
	again := openTest(t, Config{Dir: dir})
	ids, err := again.List(t.Context())
	if err != nil || len(ids) > 0 {
		t.Errorf("List() = %v, %v, want none", ids, err)
	}
	for name, id := range made {
		if _, err := r.daemon.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{}); err != nil {
			t.Errorf("container of %s: %v, want it to exist", name, err)
		}
	}
}

// TestOpenFails checks that the error names the cause and the next step.
func TestOpenFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dead := filepath.Join(scratch(t), "dead.sock")
	listener, err := net.Listen("unix", dead)
	if err != nil {
		t.Fatal(err)
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = listener.Close()
	for name, test := range map[string]struct {
		hosts []string
		want  string
	}{
		"NoSocket":  {[]string{"unix:///no/a.sock", "unix:///no/b.sock"}, "there is no socket at unix:///no/a.sock, unix:///no/b.sock; start one, or name its socket in DOCKER_HOST"},
		"One":       {[]string{"unix:///no/a.sock"}, "unix:///no/a.sock"},
		"Dead":      {[]string{"unix:///no/a.sock", "unix://" + dead}, dead},
		"Malformed": {[]string{"what"}, "what"},
	} {
		_, err := Open(t.Context(), Config{Dir: dir, Hosts: test.hosts})
		if !errors.Is(err, ErrNoDaemon) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: Open = %v, want ErrNoDaemon with %q", name, err, test.want)
		}
	}
}
