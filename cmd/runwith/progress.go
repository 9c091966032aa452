package main

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/terminal"
)

const (
	// progressBacklog is how many events may wait for a slow reader. Later ones are
	// dropped, because the engine must not wait for its standard error.
	progressBacklog = 256
	// progressFlush is how long the end of the server waits for the last lines.
	progressFlush = time.Second
)

// progress prints a line when an execution starts or ends.
type progress struct {
	out     io.Writer
	events  chan *runpb.Execution
	done    chan struct{}
	dropped atomic.Int64
	engine  atomic.Pointer[engine.Engine] // explains failures; nil until it is open
}

// newProgress begins to print. The caller closes it.
func newProgress(out io.Writer) *progress {
	p := &progress{out: out, events: make(chan *runpb.Execution, progressBacklog), done: make(chan struct{})}
	go p.print()
	return p
}

func (p *progress) print() {
	defer close(p.done)
	for x := range p.events {
		line := progressOf(x, p.explain(x))
		if n := p.dropped.Swap(0); n > 0 {
			line = fmt.Sprintf("(%d more lines; see runwith executions list)\n%s", n, line)
		}
		_, _ = fmt.Fprintln(p.out, line) // it may be closed, and the server serves on
	}
}

// execution prints how an execution stands. It does not block.
func (p *progress) execution(x *runpb.Execution) {
	select {
	case p.events <- x:
	default:
		p.dropped.Add(1)
	}
}

// close waits until all lines are printed, unless nobody reads them. Nothing may be
// printed any more.
func (p *progress) close() {
	close(p.events)
	select {
	case <-p.done:
	case <-time.After(progressFlush):
	}
}

// explain returns why an execution failed, as far as it can be found; nil if it did not.
func (p *progress) explain(x *runpb.Execution) *runwith.Failure {
	failure := cloudrun.StatusOf(x).Error
	if e := p.engine.Load(); failure != nil && e != nil {
		failure, _ = cloudrun.Explain(context.Background(), ownTasks{e}, x) // a partial reason is good enough
	}
	return failure
}

// ownTasks reads the tasks of an engine in this process. It implements [cloudrun.Evidence].
type ownTasks struct{ engine *engine.Engine }

func (o ownTasks) TaskPage(ctx context.Context, execution, token string) (page []*runpb.Task, next string, err error) {
	reply, err := o.engine.Tasks(ctx, &runpb.ListTasksRequest{Parent: execution, PageToken: token})
	return reply.GetTasks(), reply.GetNextPageToken(), err
}

// Stderr returns nothing: runwith logs prints it.
func (ownTasks) Stderr(context.Context, string, int, int) ([]string, error) { return nil, nil }

// progressOf returns how an execution stands in one line. A failure is the reason, or nil.
func progressOf(x *runpb.Execution, failure *runwith.Failure) string {
	id, s := path.Base(x.GetName()), cloudrun.StatusOf(x)
	if s.State == runwith.StateRunning {
		return id + " started" + startedTasks(s.Counts.Tasks)
	}
	line := fmt.Sprintf("%s %s", id, s.State)
	if !s.Started.IsZero() {
		line += fmt.Sprintf(" after %v", s.Finished.Sub(s.Started).Round(time.Millisecond))
	}
	if s.Counts.Tasks > 1 && failure == nil {
		line += fmt.Sprintf(": %d of %d tasks succeeded", s.Counts.Succeeded, s.Counts.Tasks)
	}
	if failure == nil {
		return line
	}
	return fmt.Sprintf("%s: %s (runwith logs %s)", line, strings.TrimSpace(terminal.OneLine(failure.Message)), id)
}

func startedTasks(tasks int) string {
	if tasks == 1 {
		return ""
	}
	return fmt.Sprintf(": %d tasks", tasks)
}
