package function

import (
	"errors"
	"io"
	"os"
	"sync"

	"github.com/runwith/runwith/internal/engine/runner"
)

// output carries what a function writes to where it is kept, one write at a time.
type output struct {
	stdout, stderr *stream

	mu     sync.Mutex
	closed bool
}

func newOutput(out runner.Output) *output {
	o := &output{}
	o.stdout = &stream{output: o, to: out.Stdout}
	o.stderr = &stream{output: o, to: out.Stderr}
	return o
}

// close waits for a write that is under way and refuses what comes after it.
func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
}

// failure is what kept output from being written.
func (o *output) failure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return errors.Join(o.stdout.err, o.stderr.err)
}

// stream is one of the two.
type stream struct {
	output *output
	to     io.Writer // nil drops
	err    error     // guarded by the output
}

// Write writes p, or drops it where an earlier write failed: that is the server's
// trouble and not the task's. It fails once the attempt has ended.
func (s *stream) Write(p []byte) (int, error) {
	s.output.mu.Lock()
	defer s.output.mu.Unlock()
	if s.output.closed {
		return 0, os.ErrClosed
	}
	if s.to != nil && s.err == nil {
		_, s.err = s.to.Write(p)
	}
	return len(p), nil
}
