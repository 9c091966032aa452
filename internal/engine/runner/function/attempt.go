package function

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/runwith/runwith/internal/engine/runner"
)

// Exit codes of a function that has none of its own.
const (
	exitError = 1
	exitPanic = 2 // as of a Go program
)

// attempt is one call of a function.
type attempt struct {
	*runner.Attempt
	image    string
	out      *output
	cancel   context.CancelFunc
	returned chan struct{} // closed when the function has returned

	once sync.Once // guards the end
}

func newAttempt(spec runner.Spec, out runner.Output) *attempt {
	return &attempt{
		Attempt:  runner.NewAttempt(spec.ID),
		image:    spec.Template.GetContainers()[0].GetImage(),
		out:      newOutput(out),
		returned: make(chan struct{}),
	}
}

// begin calls the function in a goroutine of its own.
func (r *Runner) begin(a *attempt, f Func, spec runner.Spec) {
	env := runner.MetadataEnv(r.metadata)
	spec.AddEnvironment(env)
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	r.mu.Lock()
	r.calls[a] = true
	r.mu.Unlock()
	a.Runs(time.Now())
	go r.run(ctx, a, f, &Call{
		ID:     spec.ID,
		Args:   slices.Clone(spec.Template.GetContainers()[0].GetArgs()),
		Env:    env,
		Stdout: a.out.stdout,
		Stderr: a.out.stderr,
	})
}

// run calls the function, and logs output that could not be kept.
func (r *Runner) run(ctx context.Context, a *attempt, f Func, c *Call) {
	defer func() {
		r.mu.Lock()
		delete(r.calls, a)
		r.mu.Unlock()
		close(a.returned)
		if err := a.out.failure(); err != nil {
			r.log.Error("write output of attempt", "attempt", a.ID.String(), "error", err)
		}
	}()
	a.call(ctx, f, c, func(failure any) {
		r.log.Warn("function failed", "image", a.image, "task", a.ID.Task, "attempt", a.ID.Attempt, "execution", a.ID.Execution, "error", failure)
	})
}

// call calls the function and ends the attempt, however the function ends. It first passes
// an error or a panic to failed.
func (a *attempt) call(ctx context.Context, f Func, c *Call, failed func(any)) {
	code, ended := exitError, false
	defer a.cancel()
	defer func() { a.end(runner.Result{ExitCode: code}) }()
	defer func() {
		if ended {
			return
		}
		if p := recover(); p != nil {
			code = exitPanic
			failed(p)
			fmt.Fprintf(c.Stderr, "panic: %v\n\n%s", p, debug.Stack())
			return
		}
		const goexit = "the function ended its goroutine (runtime.Goexit, as testing's FailNow does) instead of returning"
		failed(goexit)
		fmt.Fprintln(c.Stderr, goexit)
	}()
	err := f(ctx, c)
	ended, code = true, exitCode(err, c.Stderr)
	if err != nil {
		failed(err)
	}
}

// coded is an error with an exit code, such as an [os/exec.ExitError].
type coded interface {
	error
	ExitCode() int
}

func exitCode(err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	if _, bare := err.(coded); !bare { //nolint:errorlint // a wrapped one has a text of its own
		fmt.Fprintln(stderr, err)
	}
	if c, ok := errors.AsType[coded](err); ok {
		return c.ExitCode() & 0xff
	}
	return exitError
}

// stop ends the function's context and, after the grace, the attempt.
func (a *attempt) stop(ctx context.Context, grace time.Duration) error {
	a.cancel()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-a.Done():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		a.end(runner.Result{Signal: int(syscall.SIGKILL)})
		return nil
	}
}

// end ends the attempt with the first result, once a write that is under way is done.
func (a *attempt) end(result runner.Result) {
	a.once.Do(func() {
		a.out.close()
		a.End(result, nil)
	})
}
