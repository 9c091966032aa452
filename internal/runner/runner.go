// Package runner says what it takes to place one attempt of a task: the engine
// schedules, a runner only places. Implementations stand in the packages below
// it (a local process group, a container); runnertest holds each to the contract.
package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
)

// ErrLost says that an attempt was started by an earlier process, that its end
// was not seen, and that nothing of it is left.
var ErrLost = errors.New("attempt lost")

// ID identifies one placement of one attempt of a task. An attempt that died
// with the engine is placed again with the next Incarnation: to the job it is
// still the same attempt.
type ID struct {
	Execution   string // resource name
	Task        int    // index, from 0
	Attempt     int    // from 0
	Incarnation int    // from 0
}

// String returns the ID in the form EXECUTION/TASK/ATTEMPT/INCARNATION.
func (id ID) String() string {
	return fmt.Sprintf("%s/%d/%d/%d", id.Execution, id.Task, id.Attempt, id.Incarnation)
}

// Spec is what to run.
type Spec struct {
	ID ID
	// Template is the execution's frozen task template, overrides applied. It is
	// shared and must not be changed.
	Template *runpb.TaskTemplate
	// Env is what the platform adds to every container's environment, by name
	// (CLOUD_RUN_TASK_INDEX and its like). It wins over the template's.
	Env map[string]string
}

// Output is where an attempt's output goes. The runner writes to both from its
// own goroutines, never two at a time to the same one, and has stopped when Wait
// returns. A slow writer slows the task down; nothing is dropped.
type Output struct {
	Stdout, Stderr io.Writer
}

// Result is how an attempt ended. The zero value is success.
type Result struct {
	// ExitCode is the exit code of the main process, 0 when a signal ended it.
	ExitCode int
	// Signal is the number of the signal that ended it, 0 when it exited.
	Signal int
}

// Runner places attempts. All methods may be called concurrently, for different
// IDs and for the same.
type Runner interface {
	// Check reports whether attempts of the template can be placed here. Its
	// error is a FAILED_PRECONDITION that names the field and the next step. The
	// engine asks before it accepts an execution.
	Check(template *runpb.TaskTemplate) error

	// Start places an attempt and returns once it runs. It is idempotent by
	// spec.ID: a second Start of the same ID does nothing. An error means that
	// nothing runs; its message may be shown (a command that does not exist).
	// The attempt outlives ctx, which bounds the placing alone.
	Start(ctx context.Context, spec Spec, out Output) error

	// Wait blocks until the attempt has ended and all its output is written. For
	// an ID that this Runner did not start it adopts what an earlier process left
	// where the implementation can; otherwise it ends what is left and returns
	// ErrLost. ErrLost is returned only when nothing of the attempt is alive.
	// When ctx ends first, Wait returns its error and the attempt runs on.
	// The Runner forgets an attempt once a Wait has returned its result.
	Wait(ctx context.Context, id ID) (Result, error)

	// Stop ends an attempt and everything it started: SIGTERM, and SIGKILL after
	// the grace. It returns when nothing is left; an attempt that is not there is
	// no error. How the attempt ended is Wait's to tell.
	Stop(ctx context.Context, id ID, grace time.Duration) error

	// List returns what is still there of this data folder, also from an earlier
	// process.
	List(ctx context.Context) ([]ID, error)
}
