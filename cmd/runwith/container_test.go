//go:build unix

package main

import (
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/testimage"
	"github.com/runwith/runwith/internal/testneed"
)

// pushSampleJob puts an image of the sample job into a registry of the test's own.
func pushSampleJob(t *testing.T) (image string) {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	image = strings.TrimPrefix(server.URL, "http://") + "/sample/job:1"
	ref, err := name.ParseReference(image)
	if err != nil {
		t.Fatal(err)
	}
	built, err := testimage.SampleJob(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, built); err != nil {
		t.Fatal(err)
	}
	return image
}

// startContainers starts a server whose tasks are containers.
func startContainers(t *testing.T, data string, args ...string) *server {
	t.Helper()
	cmd := exec.Command("runwith", append([]string{"up", "--addr", "127.0.0.1:0", "--data", data}, args...)...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+testneed.Daemon(t))
	s, err := startServer(cmd, data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A job's image is pulled and run; after kill -9 its container is adopted, ends with
// its own exit code, and nothing that it printed is lost or doubled.
func TestContainers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	job, data := filepath.Join(dir, "job.yaml"), filepath.Join(dir, "data")
	err := os.WriteFile(job, []byte("name: sample\ntemplate: {template: {maxRetries: 0, containers: [{image: "+pushSampleJob(t)+"}]}}\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	s := startContainers(t, data, "--job", job)
	if want := "tasks run as containers: "; !strings.HasPrefix(s.said(), want) {
		t.Errorf("up says %q, want it to begin with %q", s.said(), want)
	}
	invocation, err := s.client().Run(t.Context(), "sample", &runwith.Overrides{
		Args: []string{"only once"}, Env: map[string]string{"SLEEP": "8s", "FAIL": "3"},
	})
	if err != nil {
		t.Fatal(err)
	}
	wait(t, "the task's output", func() bool { return slices.Contains(s.printed(t, invocation.ID), "  ARG: only once") })
	if err := s.kill(); err != nil {
		t.Fatal(err)
	}

	s = startContainers(t, data)
	defer func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}()
	s.waitFor(t, invocation.ID, func(i *runwith.Invocation) bool { return i.State.Terminal() })
	end, err := s.client().Invocation(t.Context(), invocation.ID)
	if err != nil || end.State != runwith.StateFailed {
		t.Errorf("the invocation is %+v, %v, want it failed by its exit code", end, err)
	}
	printed := s.printed(t, invocation.ID)
	times := 0
	for _, line := range printed {
		if line == "  ARG: only once" {
			times++
		}
	}
	if times != 1 {
		t.Errorf("the argument was printed %d times, want once: %q", times, printed)
	}
	if strings.Contains(s.said(), "lost") {
		t.Errorf("the server says %q, want the container adopted", s.said())
	}
}

// printed are the lines of an invocation so far.
func (s *server) printed(t *testing.T, id string) (lines []string) {
	t.Helper()
	for line, err := range s.client().Logs(t.Context(), id, nil) {
		if err != nil {
			return nil // there is no execution yet
		}
		lines = append(lines, line.Text)
	}
	return lines
}

// Without a daemon, auto says that tasks are processes, and container that it cannot be.
func TestNoDaemon(t *testing.T) {
	t.Parallel()
	s := startUp(t, t.TempDir())
	if want := "tasks run as processes of this machine, without isolation (no Docker or Podman answers: connect to unix:///no/docker.sock"; !strings.HasPrefix(s.said(), want) {
		t.Errorf("up says %q, want it to begin with %q", s.said(), want)
	}
	out, err := exec.Command("runwith", "up", "--runner", "container", "--addr", "127.0.0.1:0", "--data", t.TempDir()).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "no Docker or Podman answers") {
		t.Errorf("up --runner container = %v and %q, want that nothing answers", err, out)
	}
}
