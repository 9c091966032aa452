// Package function runs each attempt of a task as a call of a Go function in this
// process, where an image is mapped to one. What names a command, or an image that is
// not mapped, it leaves to another runner.
//
// A function has what a process has, as far as one process allows: arguments, an
// environment of its own, two streams for its output, and an exit code. SIGTERM is the
// end of its context. It cannot be killed: an attempt whose function has not returned
// when the grace is over counts as killed, what the function writes from then on goes
// nowhere, and [Runner.Close] tells of it.
package function

import (
	"context"
	"io"
	"log/slog"

	"github.com/runwith/runwith/internal/engine/runner"
)

// Func stands in for an image. Its attempt has ended when it returns: with exit code
// 0 where it returns nil, with that of an error in the tree that has a method
// ExitCode, of which the last 8 bits count, and with 1 otherwise. An error's text goes
// to standard error, unless it is nothing but its exit code. A panic is exit code 2,
// with the stack on standard error, as of any Go program; one in a goroutine that the
// function has started ends this process, as it always does.
//
// ctx ends when the attempt is to stop, and when the function has returned. It is
// called concurrently.
type Func func(ctx context.Context, call *Call) error

// Call is what an attempt is given. It belongs to the function.
type Call struct {
	ID   runner.ID
	Args []string
	Env  map[string]string
	// Stdout and Stderr may be written to concurrently, until the attempt has ended.
	// A write after that is an error.
	Stdout, Stderr io.Writer
}

// Config says which images are functions. The zero value has none.
type Config struct {
	// Images are the functions by image.
	Images map[string]Func
	// Env are variables for every attempt, beneath those of its job.
	Env map[string]string
	// Next takes all other attempts; nil refuses them. The caller closes it.
	Next runner.Runner
	// Logger hears what no caller can be told. Nil discards.
	Logger *slog.Logger
}
