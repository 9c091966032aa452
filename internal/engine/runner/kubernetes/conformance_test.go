//go:build unix

package kubernetes

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/runnertest"
	"github.com/runwith/runwith/internal/kubetest"
)

func TestMain(m *testing.M) {
	runnertest.Main(m, func(dir string) (runner.Runner, error) {
		var c Config
		text, err := os.ReadFile(filepath.Join(dir, configFile))
		if err == nil {
			err = json.Unmarshal(text, &c)
		}
		if err != nil {
			return nil, err
		}
		return Open(context.Background(), c)
	})
}

// configFile is a file in the folder of a Runner that will crash: its configuration.
const configFile = "test-config"

// TestConformance runs the conformance suite.
//
// What a cluster cannot give: both streams come as one, without the \r of \r\n. A node keeps
// 10 MiB of a log for readers, so that of a larger burst a slow reader loses a part.
func TestConformance(t *testing.T) {
	t.Parallel()
	runnertest.Run(t, func(t *testing.T) runnertest.Harness {
		h := harness(t, kubetest.Use(t))
		h.Merged = true
		return h
	})
}

// TestConformanceApart runs what concerns output in a cluster that shows the streams apart. It does
// not run beside the tests of the other cluster, because nodes with much to do lose output.
func TestConformanceApart(t *testing.T) { //nolint:paralleltest // see above
	c := kubetest.StartOwn(t, kubetest.Options{Gates: []string{"PodLogsQuerySplitStreams=true"}})
	t.Run("suite", func(t *testing.T) { // the cluster ends after it
		runnertest.Run(t, func(t *testing.T) runnertest.Harness { return harness(t, c) }, "Output", "CrashWait", "Detach")
	})
}

// harness returns a Runner in a namespace of the test.
func harness(t *testing.T, cluster *kubetest.Cluster) runnertest.Harness {
	t.Helper()
	c := Config{Dir: t.TempDir(), Kubeconfig: cluster.Namespace(t).Kubeconfig, Patch: []byte(smallPods)}
	writeConfig(t, c)
	return runnertest.Harness{
		Runner: open(t, c),
		Crash: func(t *testing.T, specs ...runner.Spec) runner.Runner {
			runnertest.CrashIn(t, c.Dir, specs...)
			return open(t, c)
		},
		Reopen:         func(t *testing.T) runner.Runner { return open(t, c) },
		Task:           runnertest.Task("/program"),
		Image:          kubetest.Suite,
		Env:            clusterEnv,
		SignalsAsCodes: true,
		LosesCR:        true,
		Linger:         3 * time.Second,
		Burst:          2 << 20, // the node adds 46 bytes to each line, and rotates the log at 10 MiB
	}
}

// clusterEnv are the variables that containerd and the kubelet set in every container.
var clusterEnv = []string{
	"PATH", "HOSTNAME", "HOME",
	"KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "KUBERNETES_SERVICE_PORT_HTTPS",
	"KUBERNETES_PORT", "KUBERNETES_PORT_443_TCP", "KUBERNETES_PORT_443_TCP_PROTO",
	"KUBERNETES_PORT_443_TCP_PORT", "KUBERNETES_PORT_443_TCP_ADDR",
}

func writeConfig(t *testing.T, c Config) {
	t.Helper()
	text, err := json.Marshal(c)
	if err == nil {
		err = os.WriteFile(filepath.Join(c.Dir, configFile), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// open opens a Runner, and closes it at the end of the test.
func open(t *testing.T, c Config) *Runner {
	t.Helper()
	c.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	r, err := Open(t.Context(), c)
	if err != nil {
		t.Fatalf("Open = %v, want no error", err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close() = %v, want no error", err)
		}
	})
	return r
}

// smallPods is a patch that lets many Pods run on a small node at once.
const smallPods = `{"spec":{"containers":[{"name":"main","resources":{"requests":{"cpu":"10m","memory":"8Mi"}}}]}}`
