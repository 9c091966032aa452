package function

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
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
	id       runner.ID
	image    string
	out      *output
	cancel   context.CancelFunc
	returned chan struct{} // closed when the function has returned

	once   sync.Once
	done   chan struct{} // closed when the attempt has ended and result is set
	result runner.Result
}

func (r *Runner) begin(f Func, spec runner.Spec, out runner.Output) *attempt {
	container := spec.Template.GetContainers()[0]
	env := map[string]string{}
	maps.Copy(env, r.env)
	spec.AddEnvironment(env)
	a := &attempt{
		id:       spec.ID,
		image:    container.GetImage(),
		out:      newOutput(out),
		returned: make(chan struct{}),
		done:     make(chan struct{}),
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	go a.run(ctx, f, &Call{
		ID:     spec.ID,
		Args:   slices.Clone(container.GetArgs()),
		Env:    env,
		Stdout: a.out.stdout,
		Stderr: a.out.stderr,
	})
	return a
}

// run calls the function and ends the attempt, however the function ends.
func (a *attempt) run(ctx context.Context, f Func, c *Call) {
	code, ended := exitError, false
	defer close(a.returned)
	defer a.cancel()
	defer func() { a.end(runner.Result{ExitCode: code}) }()
	defer func() {
		if ended {
			return
		}
		if p := recover(); p != nil {
			code = exitPanic
			fmt.Fprintf(c.Stderr, "panic: %v\n\n%s", p, debug.Stack())
			return
		}
		fmt.Fprintln(c.Stderr, "the function ended its goroutine (runtime.Goexit, as testing's FailNow does) instead of returning")
	}()
	err := f(ctx, c)
	ended, code = true, exitCode(err, c.Stderr)
}

// coded is an error that knows its exit code, as [os/exec.ExitError] does.
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

// stop ends the function's context and, when the grace is over, the attempt.
func (a *attempt) stop(ctx context.Context, grace time.Duration) error {
	a.cancel()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-a.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		a.end(runner.Result{Signal: int(syscall.SIGKILL)})
		return nil
	}
}

// end ends the attempt, unless it has ended, once what is being written is.
func (a *attempt) end(result runner.Result) {
	a.once.Do(func() {
		a.out.close()
		a.result = result
		close(a.done)
	})
}

func (a *attempt) hasReturned() bool {
	select {
	case <-a.returned:
		return true
	default:
		return false
	}
}
