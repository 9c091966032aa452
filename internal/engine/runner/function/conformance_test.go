//go:build linux || darwin

package function_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/function"
	"github.com/runwith/runwith/internal/engine/runner/process"
	"github.com/runwith/runwith/internal/engine/runner/runnertest"
)

func TestMain(m *testing.M) {
	runnertest.Main(m, func(dir string) (runner.Runner, error) {
		next, err := process.Open(process.Config{Dir: dir})
		if err != nil {
			return nil, err
		}
		return function.New(function.Config{Images: suite, Next: next}), nil
	})
}

// image is the image of the suite's tasks.
const image = "runnertest"

var suite = map[string]function.Func{image: func(ctx context.Context, call *function.Call) error {
	var env []string
	for name, value := range call.Env {
		env = append(env, name+"="+value)
	}
	code := runnertest.Do(ctx, runnertest.Program{Args: call.Args, Env: env, Stdout: call.Stdout, Stderr: call.Stderr})
	if code != 0 {
		return exit(code)
	}
	return nil
}}

func TestFunctionsConform(t *testing.T) {
	t.Parallel()
	runnertest.Run(t, func(t *testing.T) runnertest.Harness {
		dir := t.TempDir()
		return runnertest.Harness{
			Runner: open(t, function.Config{Images: suite}),
			Crash: func(t *testing.T, specs ...runner.Spec) runner.Runner {
				runnertest.CrashIn(t, dir, specs...)
				return open(t, function.Config{Images: suite})
			},
			Image:     image,
			InProcess: true,
		}
	})
}

// TestNextRunnerConforms runs the conformance suite with images that are not functions, so that
// the next runner runs the attempts.
func TestNextRunnerConforms(t *testing.T) {
	t.Parallel()
	runnertest.Run(t, func(t *testing.T) runnertest.Harness {
		dir := filepath.Join(t.TempDir(), "run")
		return runnertest.Harness{
			Runner: inFront(t, dir),
			Crash: func(t *testing.T, specs ...runner.Spec) runner.Runner {
				runnertest.CrashIn(t, dir, specs...)
				return inFront(t, dir)
			},
			Task:  runnertest.Task(runnertest.Self(t)),
			Image: image, // a command wins over it
			Env:   []string{"PATH", "HOME", "RUNWITH_ATTEMPT"},
		}
	})
}

// inFront opens a runner in front of one that runs processes.
func inFront(t *testing.T, dir string) runner.Runner {
	t.Helper()
	next, err := process.Open(process.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := next.Close(); err != nil {
			t.Error(err)
		}
	})
	return open(t, function.Config{Images: suite, Next: next})
}

// open returns a runner that is closed, with nothing left over, when the test ends.
func open(t *testing.T, config function.Config) *function.Runner {
	t.Helper()
	r := function.New(config)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return r
}
