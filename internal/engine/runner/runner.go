// Package runner defines how the engine places attempts of tasks: the engine schedules,
// a Runner places. The packages below it are the implementations (process, container,
// kubernetes, function), and runnertest holds each of them to the contract.
package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
)

// ErrLost is the end of an attempt whose result nobody can know: an earlier process
// placed it, or the machine under it is gone, and nothing of it is left.
var ErrLost = errors.New("attempt lost")

// ErrDetached is the end of an attempt that this Runner has let go of. The attempt runs
// on.
var ErrDetached = errors.New("attempt detached")

// Spec says what to run.
type Spec struct {
	ID ID
	// Template is the execution's frozen task template, overrides applied. It is
	// shared and must not be changed.
	Template *runpb.TaskTemplate
	// Env are the variables that the platform adds to every container's environment
	// (CLOUD_RUN_TASK_INDEX and the like), by name. They win over the template's.
	Env map[string]string
	// Resume marks an attempt that an earlier process may have placed. Start then
	// places nothing new: it adopts the attempt if the Runner can, and Wait returns
	// how the attempt ended.
	Resume bool
}

// Output receives an attempt's output. The Runner writes from its own goroutines, never
// two at a time to the same writer, and no longer once Wait or Detach has returned. A
// slow writer slows the task down; nothing is dropped.
type Output struct {
	Stdout, Stderr io.Writer
	// Kept returns how much of the attempt's output earlier processes have written. A
	// Runner that adopts the attempt reads its output again from the beginning, and
	// skips that much. Nil means nothing. It is called before the first write.
	Kept func() (stdout, stderr Extent, err error)
	// Container returns the output of one of several containers, by its index in the
	// template. If it is nil, all containers share the writers, which must then allow
	// concurrent writes.
	Container func(i int) Output
}

// Of returns the output of a container, by its index in the template.
func (o Output) Of(i int) Output {
	if o.Container == nil {
		return o
	}
	return o.Container(i)
}

// Extent is a length of a stream of output.
type Extent struct {
	Lines int // complete ones
	Tail  int // bytes of the last line, which is not complete
}

// Result is how an attempt ended. The zero value is success after an unknown time.
type Result struct {
	// ExitCode is the exit code of the main process, 0 if a signal ended it.
	ExitCode int
	// Signal is the number of the signal that ended the main process. It is 0 if the
	// process exited, or if all that is known is an exit code of 128 plus the signal.
	Signal int
	// OutOfMemory reports that the attempt was killed because it exceeded its memory
	// limit.
	OutOfMemory bool
	// Ran is how long the main process ran, by the clock of its machine; 0 if that is
	// unknown. Wait may return much later, for example after a restart.
	Ran time.Duration
}

// Succeeded reports whether the main process ended with success.
func (r Result) Succeeded() bool { return r.ExitCode == 0 && r.Signal == 0 && !r.OutOfMemory }

// Capabilities are what a Runner can do for attempts of a template. The zero value is a
// Runner whose attempts start at once and end with this process.
type Capabilities struct {
	// Prepares: Prepare has work to do for an execution before its first task, such as
	// to pull an image.
	Prepares bool
	// Outlives: attempts run on without this process. Detach lets go of them, and a
	// Runner that is opened later adopts them.
	Outlives bool
	// Capacity is how many attempts the Runner runs at once unless the operator says
	// otherwise; 0 leaves that to the engine.
	Capacity int
	// Patience is how long an attempt may wait while Start returns UNAVAILABLE, such as for
	// a quota of the cluster; 0 leaves that to the engine.
	Patience time.Duration
}

// Runner places attempts. All methods may be called concurrently, for different IDs and
// for the same one. A Runner that wraps others implements every method by theirs.
//
// An attempt is placed by Start, runs some time after that, and ends. Its timeout counts
// from when it runs.
type Runner interface {
	// String names the Runner for people, such as "Podman at unix:///run/podman.sock".
	fmt.Stringer

	// Capabilities states what the Runner can do for attempts of the template. For a
	// nil template it states what the Runner can do for at least one.
	Capabilities(template *runpb.TaskTemplate) Capabilities

	// Check reports whether attempts of the template can be placed here. Its error is a
	// FAILED_PRECONDITION that names the field and the next step. The engine asks
	// before it accepts an execution.
	Check(template *runpb.TaskTemplate) error

	// Prepare does what an execution needs before its first task, and is a no-op unless
	// the Runner Prepares. An error means that no attempt of the template can be
	// placed; callers see its message. UNAVAILABLE means that a later try may succeed.
	Prepare(ctx context.Context, template *runpb.TaskTemplate) error

	// Start places an attempt and returns when it is placed, which may be long before
	// it runs. It is idempotent by spec.ID: a second Start of the same ID is a no-op,
	// and a Start of an ID that an earlier process has placed adopts that attempt at
	// most. An error means that nothing is placed; callers see its message.
	// UNAVAILABLE means that a later try may succeed. The attempt outlives ctx, which
	// bounds the placing alone.
	Start(ctx context.Context, spec Spec, out Output) error

	// Running blocks until the attempt runs and returns when it began to, by this
	// machine's clock. It returns the zero time for an attempt that ended before anybody
	// saw it run: Wait returns how. If the attempt was placed and cannot start, Running
	// returns the reason, which callers see, and the attempt is forgotten. For an ID
	// that is not there it returns ErrLost.
	Running(ctx context.Context, id ID) (began time.Time, err error)

	// Waiting returns why an attempt that is placed does not run yet, for people, such as
	// "Unschedulable: 0/3 nodes are available". It is empty if the attempt runs, or is not
	// there, and if nothing is known. It does not block.
	Waiting(id ID) string

	// Wait blocks until the attempt has ended and all its output is written. For an ID
	// that this Runner did not start, it adopts the attempt that an earlier process
	// left, if it can; otherwise it ends what is left and returns ErrLost. ErrLost
	// means that nothing of the attempt is alive. When ctx ends first, Wait returns its
	// error and the attempt runs on. A Runner forgets an attempt once a Wait has
	// returned how it ended, but for what it keeps until Release.
	Wait(ctx context.Context, id ID) (Result, error)

	// Release reports that the end of an attempt is recorded: nobody will ask for it again.
	// Until then a Runner keeps what it needs to tell the end once more, to the process
	// that comes after a crash. Release does not block, and is a no-op for an ID that is
	// not there, or has not ended.
	Release(id ID)

	// Stop ends an attempt and everything it started: SIGTERM, and SIGKILL after the
	// grace. It returns when nothing is left. Stop of an ID that is not there is a
	// no-op. Then Wait returns how the attempt ended. For an attempt of an earlier process
	// that was not adopted before Stop, it returns ErrLost.
	Stop(ctx context.Context, id ID, grace time.Duration) error

	// Detach lets go of an attempt that outlives this process and forgets it. When it
	// returns, nothing is written to the attempt's output any more, and a Wait under
	// way has returned ErrDetached. An error means that the attempt is still here: it
	// ends with this process, is not there, or has ended already, as Wait returns.
	Detach(ctx context.Context, id ID) error

	// List returns the attempts of this data folder that have not ended, also those of
	// an earlier process. A Runner that knows only some of them returns these and an
	// error.
	List(ctx context.Context) ([]ID, error)
}
