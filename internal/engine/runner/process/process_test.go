//go:build linux || darwin

package process

import (
	"path/filepath"
	"runtime"
	"testing"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/runnertest"
)

func TestMain(m *testing.M) {
	runnertest.Main(m, func(dir string) (runner.Runner, error) { return Open(Config{Dir: dir}) })
}

func TestConformance(t *testing.T) {
	t.Parallel()
	runnertest.Run(t, func(t *testing.T) runnertest.Harness {
		dir := filepath.Join(t.TempDir(), "run")
		return runnertest.Harness{
			Runner: openTest(t, Config{Dir: dir}),
			Crash: func(t *testing.T, specs ...runner.Spec) runner.Runner {
				runnertest.CrashIn(t, dir, specs...)
				return openTest(t, Config{Dir: dir})
			},
			Task: runnertest.Task(t),
			Env:  []string{"PATH", "HOME", markerName},
			// The environment of other processes is read on Linux alone.
			Escapes: runtime.GOOS != "linux",
		}
	})
}

// openTest opens a Runner that is closed when the test ends.
func openTest(t *testing.T, config Config) *Runner {
	t.Helper()
	r, err := Open(config)
	if err != nil {
		t.Fatalf("Open(%+v) = %v, want no error", config, err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close() = %v, want no error", err)
		}
	})
	return r
}
