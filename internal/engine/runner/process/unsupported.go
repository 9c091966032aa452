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

// Runner exists so that callers compile everywhere; [Open] returns none here.
type Runner struct{}

// Open says what the process runner needs.
func Open(Config) (*Runner, error) { return nil, unsupported() }

func unsupported() error {
	return runwith.Errorf(runwith.FailedPrecondition,
		"the process runner needs Linux or macOS, and this is %s", runtime.GOOS)
}

// Close does nothing.
func (*Runner) Close() error { return nil }

// Check returns the error of [Open], as every method does.
func (*Runner) Check(*runpb.TaskTemplate) error { return unsupported() }

// Start returns the error of [Open].
func (*Runner) Start(context.Context, runner.Spec, runner.Output) error { return unsupported() }

// Wait returns the error of [Open].
func (*Runner) Wait(context.Context, runner.ID) (runner.Result, error) {
	return runner.Result{}, unsupported()
}

// Stop returns the error of [Open].
func (*Runner) Stop(context.Context, runner.ID, time.Duration) error { return unsupported() }

// List returns the error of [Open].
func (*Runner) List(context.Context) ([]runner.ID, error) { return nil, unsupported() }
