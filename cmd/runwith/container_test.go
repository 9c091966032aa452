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
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/tasklog"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/image"
	"github.com/runwith/runwith/internal/testneed"
)

// serveImages starts a registry of the test's own and puts images into it, by their
// names and tags. It returns the prefix of their references.
func serveImages(t *testing.T, images map[string]v1.Image) (prefix string) {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	prefix = strings.TrimPrefix(server.URL, "http://") + "/"
	for tag, built := range images {
		ref, err := name.ParseReference(prefix + tag)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(ref, built); err != nil {
			t.Fatal(err)
		}
	}
	return prefix
}

// testImages are the sample job, and one that runs a shell of this machine's.
func testImages(t *testing.T) map[string]v1.Image {
	t.Helper()
	sample, err := image.SampleJob(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	host, err := image.Host()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]v1.Image{"job:1": sample, "host:1": host}
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

// chatty prints 100,000 lines to each of its streams, and a last one that is not ended.
const chatty = `name: chatty
template:
  template:
    maxRetries: 0
    volumes: [{name: usr, gcs: {bucket: usr, readOnly: true}}]
    containers:
      - image: IMAGE
        volumeMounts: [{name: usr, mountPath: /usr}]
        command: [sh, -c]
        args: ['i=0; while [ $i -lt 100 ]; do seq $((1000*i+1)) $((1000*i+1000)); seq $((1000*i+1)) $((1000*i+1000)) >&2; i=$((i+1)); sleep 0.02; done; printf last; printf last >&2; exit 3']
`

// A container outlives its server, however that ends. The next server adopts it: the task
// ends with its own exit code, and no line of 200,000 is lost or doubled.
func TestContainerOutlivesServer(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	const keepsRunning = "1 task keeps running in a container, and the next start on this data folder continues with it."
	for name, test := range map[string]struct {
		end  func(*server) error
		says bool
	}{
		"Killed":  {(*server).kill, false},
		"Stopped": {(*server).stop, true}, // as by Ctrl-C
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(t.TempDir(), "data")
			s, invocation := startChatty(t, data)
			if err := test.end(s); err != nil {
				t.Fatal(err)
			}
			if says := strings.Contains(s.said(), keepsRunning); says != test.says {
				t.Errorf("the server says %q; want %q in it: %t", s.said(), keepsRunning, test.says)
			}
			s = startContainers(t, data, "--buckets", "/")
			s.waitFor(t, invocation, func(i *runwith.Invocation) bool { return i.State.Terminal() })
			end, err := s.client().Invocation(t.Context(), invocation)
			if err != nil || end.State != runwith.StateFailed {
				t.Errorf("the invocation is %+v, %v, want it failed by its exit code", end, err)
			}
			if err := s.stop(); err != nil {
				t.Error(err)
			}
			checkChatty(t, data)
			if strings.Contains(s.said(), "lost") || strings.Contains(s.said(), "keeps running") {
				t.Errorf("the second server says %q, want the container adopted, and ended", s.said())
			}
		})
	}
}

// --stop-tasks ends containers with the server, and the next start runs the task again.
func TestStopTasks(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s, invocation := startChatty(t, data, "--stop-tasks")
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(s.said(), "running") {
		t.Errorf("the server says %q, want nothing of tasks that keep running", s.said())
	}
	s = startContainers(t, data, "--buckets", "/", "--stop-tasks", "-v")
	s.waitFor(t, invocation, func(i *runwith.Invocation) bool { return i.State == runwith.StateRunning })
	eventually.True(t, "the interruption is reported", func() bool { return strings.Contains(s.said(), "a running task was interrupted") })
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// startChatty starts a server and the job chatty, and waits for its first output.
func startChatty(t *testing.T, data string, args ...string) (s *server, invocation string) {
	t.Helper()
	job := filepath.Join(t.TempDir(), "job.yaml")
	image := serveImages(t, testImages(t)) + "host:1"
	if err := os.WriteFile(job, []byte(strings.Replace(chatty, "IMAGE", image, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	s = startContainers(t, data, append([]string{"--buckets", "/", "--job", job}, args...)...)
	if want := "tasks run as containers: "; !strings.HasPrefix(s.said(), want) {
		t.Errorf("up says %q, want it to begin with %q", s.said(), want)
	}
	started, err := s.client().Run(t.Context(), "chatty", nil)
	if err != nil {
		t.Fatal(err)
	}
	eventually.True(t, "the task has a log file", func() bool { return len(logFiles(t, data)) > 0 })
	return s, started.ID
}

// checkChatty checks that all lines of the job chatty were kept, once and in their order.
func checkChatty(t *testing.T, data string) {
	t.Helper()
	var want []string
	for i := range 100_000 {
		want = append(want, strconv.Itoa(i+1))
	}
	want = append(want, "last")
	for stream, got := range printed(t, data) {
		if !slices.Equal(got, want) {
			t.Errorf("%s has %d lines that end with %q, want all %d, each once and in their order", stream, len(got), got[max(0, len(got)-3):], len(want))
		}
	}
}

// logFiles are the files below a server's folder that keep what tasks print.
func logFiles(t *testing.T, data string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(data, "logs", "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// printed are the lines that the tasks of the only execution have printed, by stream, as
// a server that has ended has kept them.
func printed(t *testing.T, data string) map[tasklog.Stream][]string {
	t.Helper()
	store, err := tasklog.Open(filepath.Join(data, "logs"), tasklog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	files := logFiles(t, data)
	if len(files) != 1 {
		t.Fatalf("there are the logs %q, want one", files)
	}
	lines := map[tasklog.Stream][]string{tasklog.Stdout: nil, tasklog.Stderr: nil}
	for e, err := range store.Read(t.Context(), strings.TrimSuffix(filepath.Base(files[0]), ".log"), tasklog.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := lines[e.Stream]; ok {
			lines[e.Stream] = append(lines[e.Stream], string(e.Text))
		}
	}
	return lines
}

// gcloud deploys and executes images, and prints the reason if an image cannot run.
func TestContainersByGcloud(t *testing.T) {
	t.Parallel()
	testneed.Gcloud(t)
	s := startContainers(t, t.TempDir(), "--buckets", "/")
	defer func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}()
	g := newSDK(t, s.url)
	g.kept["r"] = serveImages(t, testImages(t))
	const usr = " --add-volume=name=usr,type=cloud-storage,bucket=usr,readonly=true --add-volume-mount=volume=usr,mount-path=/usr"
	g.steps(t, []step{
		{gcloud: "run jobs deploy fine --image=${r}job:1 --args=a,b", stderr: "Job [fine] has successfully been deployed."},
		{gcloud: "run jobs execute fine --wait", stderr: "has successfully completed."},
		{gcloud: "run jobs logs read fine --log-filter='textPayload:ARG'", stdout: "   ARG: a\n"},
		{gcloud: "run jobs deploy gone --image=${r}none:1"},
		{gcloud: "run jobs execute gone --wait", exit: 1, stderr: "ERROR: (gcloud.run.jobs.execute) The execution failed."},
		{gcloud: "run jobs executions list --job=gone '--format=value(name)'", keep: "x"},
		{gcloud: "run jobs executions describe $x", stdout: "Image '${r}none:1' not found."},
		{gcloud: "run jobs executions tasks list --execution=$x", none: true, stderr: "Listed 0 items."},
		{gcloud: "beta run jobs deploy greedy --image=${r}host:1 --max-retries=0 --memory=128Mi" + usr + " --command=sh --args=-c,'x=$(head -c 300m /dev/zero | tr \"\\0\" x)'"},
		{gcloud: "run jobs execute greedy --wait", exit: 1, stderr: "ERROR: (gcloud.run.jobs.execute) The execution failed."},
		{gcloud: "run jobs executions list --job=greedy '--format=value(name)'", keep: "x"},
		{gcloud: "run jobs executions tasks describe $x-task0", stdout: "  Exit Code:   137\n  Message:     The configured memory limit was reached.\n"},
		{gcloud: "run jobs execute fine --args=again --wait", stderr: "has successfully completed."},
	})
}

// Without a daemon, auto announces process tasks, and container is an error.
func TestNoDaemon(t *testing.T) {
	t.Parallel()
	s := startUp(t, t.TempDir())
	if want := "tasks run as processes of this machine, without isolation: no Docker or Podman answers (-v tells more)\n"; !strings.HasPrefix(s.said(), want) {
		t.Errorf("up says %q, want it to begin with %q", s.said(), want)
	}
	detailed := startUp(t, t.TempDir(), "-v")
	if want := "connect to unix:///no/docker.sock"; !strings.Contains(detailed.said(), want) {
		t.Errorf("up -v says %q, want %q in it", detailed.said(), want)
	}
	out, err := exec.Command("runwith", "up", "--runner", "auto", "--job", "none.yaml", "--addr", "127.0.0.1:0", "--data", t.TempDir()).CombinedOutput()
	if err == nil || strings.Contains(string(out), "tasks run as") {
		t.Errorf("up with a missing file = %v and %q, want the refusal alone", err, out)
	}
	out, err = exec.Command("runwith", "up", "--runner", "container", "--addr", "127.0.0.1:0", "--data", t.TempDir()).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "no Docker or Podman answers") {
		t.Errorf("up --runner container = %v and %q, want that nothing answers", err, out)
	}
}
