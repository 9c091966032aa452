package main

import (
	"fmt"
	"io"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/terminal"
)

const (
	// progressBacklog is how many lines may wait for a slow reader. Later ones are
	// dropped, because the engine must not wait for its standard error.
	progressBacklog = 256
	// progressFlush is how long the end of the server waits for the last lines.
	progressFlush = time.Second
)

// progress prints a line when an execution starts or ends.
type progress struct {
	out     io.Writer
	lines   chan string
	done    chan struct{}
	dropped atomic.Int64
}

// newProgress begins to print. The caller closes it.
func newProgress(out io.Writer) *progress {
	p := &progress{out: out, lines: make(chan string, progressBacklog), done: make(chan struct{})}
	go p.print()
	return p
}

func (p *progress) print() {
	defer close(p.done)
	for line := range p.lines {
		if n := p.dropped.Swap(0); n > 0 {
			line = fmt.Sprintf("(%d more lines; see runwith executions list)\n%s", n, line)
		}
		_, _ = fmt.Fprintln(p.out, line) // it may be closed, and the server serves on
	}
}

// execution prints how an execution stands. It does not block.
func (p *progress) execution(x *runpb.Execution) {
	select {
	case p.lines <- progressOf(x):
	default:
		p.dropped.Add(1)
	}
}

// close waits until all lines are printed, unless nobody reads them. Nothing may be
// printed any more.
func (p *progress) close() {
	close(p.lines)
	select {
	case <-p.done:
	case <-time.After(progressFlush):
	}
}

// progressOf returns how an execution stands in one line.
func progressOf(x *runpb.Execution) string {
	id, s := path.Base(x.GetName()), cloudrun.StatusOf(x)
	if s.State == runwith.StateRunning {
		return id + " started" + startedTasks(s.Counts.Tasks)
	}
	line := fmt.Sprintf("%s %s", id, s.State)
	if !s.Started.IsZero() {
		line += fmt.Sprintf(" after %v", s.Finished.Sub(s.Started).Round(time.Millisecond))
	}
	if s.Counts.Tasks > 1 {
		line += fmt.Sprintf(": %d of %d tasks succeeded", s.Counts.Succeeded, s.Counts.Tasks)
	}
	if s.Error == nil {
		return line
	}
	return fmt.Sprintf("%s: %s (runwith logs %s)", line, strings.TrimSpace(terminal.OneLine(s.Error.Message)), id)
}

func startedTasks(tasks int) string {
	if tasks == 1 {
		return ""
	}
	return fmt.Sprintf(": %d tasks", tasks)
}
