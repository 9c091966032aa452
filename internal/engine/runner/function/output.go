package function

import (
	"errors"
	"io"
	"os"
	"sync"

	"github.com/runwith/runwith/internal/engine/runner"
)

// output passes a function's writes on, one at a time.
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

// close waits for a write under way, and refuses later ones.
func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
}

// failure returns the failed writes.
func (o *output) failure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return errors.Join(o.stdout.err, o.stderr.err)
}

// stream is stdout or stderr.
type stream struct {
	output *output
	to     io.Writer // nil drops the output
	err    error     // the output's mutex guards it
}

// Write passes p on, or drops it after a failed write: that is not the task's fault. It
// fails once the attempt has ended.
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
