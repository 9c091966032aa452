//go:build !linux && !darwin

package process

import (
	"context"
	"runtime"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
)

// Runner exists so that callers compile everywhere. [Open] returns an error here.
type Runner struct{}

// Open returns an error that names the needed systems.
func Open(Config) (*Runner, error) { return nil, unsupported() }

func unsupported() error {
	return runwith.Errorf(runwith.FailedPrecondition,
		"the process runner needs Linux or macOS, and this is %s", runtime.GOOS)
}

// Close does nothing.
func (*Runner) Close() error { return nil }

// String names the runner.
func (*Runner) String() string { return "processes of this machine" }

// Capabilities returns none.
func (*Runner) Capabilities(*runpb.TaskTemplate) runner.Capabilities { return runner.Capabilities{} }

// Check returns the error of [Open], as every method does.
func (*Runner) Check(*runpb.TaskTemplate) error { return unsupported() }

// Prepare returns the error of [Open].
func (*Runner) Prepare(context.Context, *runpb.TaskTemplate) error { return unsupported() }

// Start returns the error of [Open].
func (*Runner) Start(context.Context, runner.Spec, runner.Output) error { return unsupported() }

// Running returns the error of [Open].
func (*Runner) Running(context.Context, runner.ID) (time.Time, error) {
	return time.Time{}, unsupported()
}

// Wait returns the error of [Open].
func (*Runner) Wait(context.Context, runner.ID) (runner.Result, error) {
	return runner.Result{}, unsupported()
}

// Waiting implements [runner.Runner].
func (*Runner) Waiting(runner.ID) string { return "" }

// Release does nothing.
func (*Runner) Release(runner.ID) {}

// Stop returns the error of [Open].
func (*Runner) Stop(context.Context, runner.ID, time.Duration) error { return unsupported() }

// Detach returns the error of [Open].
func (*Runner) Detach(context.Context, runner.ID) error { return unsupported() }

// List returns the error of [Open].
func (*Runner) List(context.Context) ([]runner.ID, error) { return nil, unsupported() }
