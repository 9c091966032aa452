// Package function runs each attempt of a task as a call of a Go function in this
// process, if its image is mapped to one. It hands every other attempt, such as one that
// names a command, to another Runner.
//
// A function has what a process has, as far as one process allows: arguments, an
// environment of its own, two streams for its output, and an exit code. The end of its
// context stands for SIGTERM. A function cannot be killed: if it has not returned after
// the grace, its attempt counts as killed, its later writes fail, and [Runner.Close]
// names it.
package function

import (
	"context"
	"io"
	"log/slog"

	"github.com/runwith/runwith/internal/engine/runner"
)

// Func stands in for an image. Its attempt ends when it returns. The exit code is 0 for a
// nil error, the result of ExitCode for an error that has such a method (its last 8
// bits), and 1 for any other error. The error's text goes to standard error, unless the
// error itself has the method. A panic is exit code 2, with the stack on standard error,
// as in any Go program; a panic in a goroutine that the function started ends this
// process, as always.
//
// ctx ends when the attempt is to stop, and when the function has returned. Func is
// called concurrently.
type Func func(ctx context.Context, call *Call) error

// Call is the input of an attempt. It belongs to the function.
type Call struct {
	ID   runner.ID
	Args []string
	Env  map[string]string
	// Stdout and Stderr allow concurrent writes. A write after the attempt's end is an
	// error.
	Stdout, Stderr io.Writer
}

// Config maps images to functions. The zero value maps none.
type Config struct {
	// Images are the functions by image.
	Images map[string]Func
	// Metadata is the HOST:PORT of the metadata server, which each attempt has in its
	// environment. Empty means that there is none.
	Metadata string
	// Next takes all other attempts; nil refuses them. The caller closes it.
	Next runner.Runner
	// Logger receives errors that no caller sees. Nil discards them.
	Logger *slog.Logger
}
