//go:build linux || darwin

package process

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/runnertest"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == familyArg {
		os.Exit(family(os.Args[2], os.Args[3:]))
	}
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
			Task: runnertest.Task(runnertest.Self(t)),
			Env:  []string{"PATH", "HOME", markerName},
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
