// Package runner says what it takes to place one attempt of a task: the engine
// schedules, a runner only places. Implementations stand in the packages below
// it (a local process group, a container); runnertest holds each to the contract.
package runner

import (
	"context"
	"errors"
	"io"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
)

// ErrLost says that an attempt was started by an earlier process, that its end
// was not seen, and that nothing of it is left.
var ErrLost = errors.New("attempt lost")

// Spec is what to run.
type Spec struct {
	ID ID
	// Template is the execution's frozen task template, overrides applied. It is
	// shared and must not be changed.
	Template *runpb.TaskTemplate
	// Env is what the platform adds to every container's environment, by name
	// (CLOUD_RUN_TASK_INDEX and its like). It wins over the template's.
	Env map[string]string
	// Resume says that an earlier process may have placed the attempt. Start then
	// places nothing: what is there it takes over where the implementation adopts,
	// and Wait tells the rest.
	Resume bool
}

// Output is where an attempt's output goes. The runner writes to both from its
// own goroutines, never two at a time to the same one, and has stopped when Wait
// returns. A slow writer slows the task down; nothing is dropped.
type Output struct {
	Stdout, Stderr io.Writer
	// Kept tells what of the attempt's output earlier processes have written, so that
	// who adopts it, and reads it again from the beginning, writes nothing twice. Nil
	// is nothing. It is called before the first write.
	Kept func() (stdout, stderr Extent, err error)
	// Container is where the output of one of several containers goes, by its index in
	// the template. Nil has one place for all, which is then written to by several
	// goroutines at a time.
	Container func(i int) Output
}

// Of is where the output of a container goes, by its index in the template.
func (o Output) Of(i int) Output {
	if o.Container == nil {
		return o
	}
	return o.Container(i)
}

// Extent is how far a stream of output has come.
type Extent struct {
	Lines int // that have ended
	Tail  int // bytes of the line that has not
}

// Result is how an attempt ended. The zero value is success.
type Result struct {
	// ExitCode is the exit code of the main process, 0 when a signal ended it.
	ExitCode int
	// Signal is the number of the signal that ended it, 0 when it exited, or when all
	// that is known is an exit code of 128 and the signal's number.
	Signal int
	// OutOfMemory says that it was killed for using more memory than it may.
	OutOfMemory bool
}

// Runner places attempts. All methods may be called concurrently, for different
// IDs and for the same.
type Runner interface {
	// Check reports whether attempts of the template can be placed here. Its
	// error is a FAILED_PRECONDITION that names the field and the next step. The
	// engine asks before it accepts an execution.
	Check(template *runpb.TaskTemplate) error

	// Start places an attempt and returns once it runs. It is idempotent by
	// spec.ID: a second Start of the same ID does nothing, and one of an ID that an
	// earlier process has placed adopts it at most. An error means that nothing runs;
	// its message may be shown (a command that does not exist).
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

// Preparer is a Runner that has something to do for an execution before it has a
// task, such as to pull an image.
type Preparer interface {
	// Prepares reports whether attempts of the template want Prepare.
	Prepares(template *runpb.TaskTemplate) bool

	// Prepare does it. An error says that no attempt of the template can be placed; its
	// message may be shown. It is UNAVAILABLE where that may be otherwise soon.
	Prepare(ctx context.Context, template *runpb.TaskTemplate) error
}
