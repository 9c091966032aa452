package main

import (
	"context"
	"path"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
)

// While it follows a log, a reader waits pollMin between reads, and up to pollMax if
// there is no output. Google limits how often a project may read its logs.
const (
	pollMin, pollMax             = 100 * time.Millisecond, 500 * time.Millisecond
	googlePollMin, googlePollMax = 2 * time.Second, 10 * time.Second
	// maxSilence is how long reads may fail before the reader gives up. A server
	// restarts in less.
	maxSilence = time.Minute
)

// logReader reads the log of one execution.
type logReader struct {
	cloud    *cloudRun
	name     string
	printer  *logPrinter
	cursor   cloudrun.Cursor
	pause    backoff.Backoff // between reads; output resets it
	logDelay time.Duration   // how long a line may take to appear
	silent   time.Time       // of the first of the last reads, which all failed; zero after a success
	ended    time.Time       // when the reader learned of the execution's end
}

func newLogReader(c *cloudRun, x *runpb.Execution, p *logPrinter) *logReader {
	r := &logReader{
		cloud: c, name: x.GetName(), printer: p, cursor: cloudrun.LogSince(x.GetCreateTime().AsTime()),
		pause: backoff.Backoff{Min: pollMin, Max: pollMax},
	}
	if c.google {
		r.pause, r.logDelay = backoff.Backoff{Min: googlePollMin, Max: googlePollMax}, googleLogDelay
	}
	return r
}

// read prints the log. With follow it continues until the execution has ended.
func (r *logReader) read(ctx context.Context) error {
	for {
		err := r.pass(ctx)
		switch {
		case err != nil && !r.again(ctx, err):
			return err
		case err == nil && (!r.printer.follow || !r.ended.IsZero() && time.Since(r.ended) >= r.logDelay):
			return nil
		}
		if err := backoff.Sleep(ctx, r.pause.Next()); err != nil {
			return err
		}
	}
}

// pass checks whether the execution has ended, and then prints new lines. In this
// order, the last pass prints everything.
func (r *logReader) pass(ctx context.Context) error {
	if r.printer.follow && r.ended.IsZero() {
		x, err := r.cloud.Execution(ctx, r.name)
		if err != nil {
			return r.cloud.explain(err, "execution", path.Base(r.name))
		}
		if cloudrun.StatusOf(x).State != runwith.StateRunning {
			r.ended = time.Now()
			r.pause.Reset()
		}
	}
	for more := true; more; more = r.cursor.More() {
		lines, next, err := r.cloud.LogEntries(ctx, r.name, r.cursor)
		if err != nil {
			return err
		}
		r.cursor, r.silent = next, time.Time{}
		for _, line := range lines {
			r.pause.Reset()
			if err := r.printer.print(line); err != nil {
				return err
			}
		}
	}
	return nil
}

// again reports whether to try again after an error, because it may be temporary.
func (r *logReader) again(ctx context.Context, err error) bool {
	switch runwith.CodeOf(err) {
	case runwith.Unavailable, runwith.ResourceExhausted, runwith.DeadlineExceeded:
	default:
		return false
	}
	if !r.printer.follow || ctx.Err() != nil {
		return false
	}
	if r.silent.IsZero() {
		r.silent = time.Now()
		note(r.printer.err, "%s", tryingAgain(err))
	}
	return time.Since(r.silent) < maxSilence
}
