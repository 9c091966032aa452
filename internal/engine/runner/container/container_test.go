//go:build unix

package container

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/runnertest"
	"github.com/runwith/runwith/internal/testneed"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == program {
		os.Exit(programs(os.Args[2:]))
	}
	runnertest.Main(m, func(dir string) (runner.Runner, error) {
		host, err := os.ReadFile(filepath.Join(dir, hostFile))
		if err != nil {
			return nil, err
		}
		return Open(context.Background(), Config{Dir: dir, Hosts: []string{string(host)}, Buckets: "/"})
	})
}

// hostFile is a file in the folder of a Runner that will crash. It contains the daemon's address.
const hostFile = "test-host"

// loaded holds the test images in the daemon.
var loaded testImages

// openTest opens a Runner with the test images, and closes it at the end of the test.
func openTest(t *testing.T, c Config) *Runner {
	t.Helper()
	if len(c.Hosts) == 0 {
		c.Hosts = []string{testneed.Daemon(t)}
	}
	r := openBare(t, c)
	loaded.load(t, r.daemon.Client)
	return r
}

// openBare is openTest without the images.
func openBare(t *testing.T, c Config) *Runner {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	c.Logger = logger(t)
	r, err := Open(t.Context(), c)
	if err != nil {
		t.Fatalf("Open(%+v) = %v, want no error", c, err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close() = %v, want no error", err)
		}
	})
	return r
}

// seeHost mounts the machine's /usr and /tmp into a container.
func seeHost(t *runpb.TaskTemplate) {
	for name, readOnly := range map[string]bool{"usr": true, "tmp": false} {
		t.Volumes = append(t.Volumes, &runpb.Volume{Name: name, VolumeType: &runpb.Volume_Gcs{
			Gcs: &runpb.GCSVolumeSource{Bucket: name, ReadOnly: readOnly},
		}})
		for _, c := range t.Containers {
			c.VolumeMounts = append(c.VolumeMounts, &runpb.VolumeMount{Name: name, MountPath: "/" + name})
		}
	}
}

// TestConformance runs the conformance suite. Its program is in the image, because containers do
// not see this machine's files.
func TestConformance(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	host := testneed.Daemon(t)
	runnertest.Run(t, func(t *testing.T) runnertest.Harness {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, hostFile), []byte(host), 0o600); err != nil {
			t.Fatal(err)
		}
		c := Config{Dir: dir, Hosts: []string{host}}
		r := openTest(t, c)
		return runnertest.Harness{
			Runner: r,
			Crash: func(t *testing.T, specs ...runner.Spec) runner.Runner {
				runnertest.CrashIn(t, dir, specs...)
				return openTest(t, c)
			},
			Reopen:         func(t *testing.T) runner.Runner { return openTest(t, c) },
			Task:           runnertest.Task("/program"),
			Image:          suiteImage,
			Env:            daemonEnv(r),
			SignalsAsCodes: true,
		}
	})
}

// TestStartTwiceMakesOneContainer checks that repeated starts of an attempt make one container.
func TestStartTwiceMakesOneContainer(t *testing.T) {
	t.Parallel()
	r := openTest(t, Config{})
	spec := specOf(t, &runpb.Container{Image: suiteImage, Command: runnertest.Task("/program"), Args: []string{"bow"}})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if err := r.Start(t.Context(), spec, runner.Output{}); err != nil {
				t.Errorf("Start = %v, want no error", err)
			}
		})
	}
	group.Wait()
	if all, err := r.owned(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("containers = %d, %v, want 1", len(all), err)
	}
	if err := r.Stop(t.Context(), spec.ID, 0); err != nil {
		t.Errorf("Stop = %v, want no error", err)
	}
	waitStopped(t, r, spec.ID)
	none(t, r)
}

// daemonEnv returns the variables that a daemon sets in each container.
func daemonEnv(r *Runner) []string {
	if r.daemon.podman {
		return []string{"PATH", "HOME", "HOSTNAME", "TERM", "container"}
	}
	return []string{"PATH", "HOME", "HOSTNAME"}
}
