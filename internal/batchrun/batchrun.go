// Package batchrun starts a job once for each request of a file. It sends the requests in
// batches and follows the invocations until they have ended.
package batchrun

import (
	"context"
	"fmt"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/requestfile"
)

// Config configures a [Run]. All fields but Detach are required.
type Config struct {
	Client *runwith.Client
	// Job is the name of the job to start.
	Job string
	// Requests reads the requests to start it with.
	Requests *requestfile.Reader
	// Detach ends the run when the invoker has accepted the requests. By default, the run
	// waits until all invocations have ended.
	Detach bool
	// Print prints an invocation: an accepted one with Detach, otherwise one that has ended.
	// An error ends the run.
	Print func(*runwith.Invocation) error
	// Note prints a message about the run, such as the reason of a refused line.
	Note func(text string)
	// Progress shows how many of the accepted invocations have ended.
	Progress func(ended, accepted int)
}

// Run starts a job once for each request of a file. It must not be used by several goroutines
// at once.
type Run struct {
	config Config
	began  time.Time
	again  []requestfile.Item // that the invoker could not take yet
	open   map[string][]int   // lines of the invocations that have not ended, by ID; lines with the same key share one
	tally  tally
}

// New returns a run that has sent nothing yet.
func New(c Config) *Run { return &Run{config: c, began: time.Now(), open: map[string][]int{}} }

// Do sends all requests and, without Detach, waits until their invocations have ended. It
// returns nil even if requests were refused or invocations have failed: see [Run.Succeeded].
// If ctx ends, the accepted invocations continue: see [Run.Cancel].
func (r *Run) Do(ctx context.Context) error {
	err := r.send(ctx)
	if err == nil && !r.config.Detach {
		err = r.follow(ctx)
	}
	if err != nil && r.tally.accepted() > 0 {
		return fmt.Errorf("%w; before that, it started %s, which a repetition of the command does not start again", err, countLines(r.tally.accepted()))
	}
	return err
}

// Summary returns the results of the run in one line, with its duration until now.
func (r *Run) Summary() string {
	return r.config.Job + ": " + r.tally.summary(r.config.Detach, time.Since(r.began).Round(time.Millisecond))
}

// Succeeded reports whether the invoker has accepted all requests and, without Detach, all
// invocations have succeeded.
func (r *Run) Succeeded() bool { return r.tally.good(r.config.Detach) }

func (r *Run) note(format string, args ...any) { r.config.Note(fmt.Sprintf(format, args...)) }

func (r *Run) progress() { r.config.Progress(r.tally.done(), r.tally.accepted()) }
