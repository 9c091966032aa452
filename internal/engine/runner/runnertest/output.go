//go:build unix

package runnertest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/runwith/runwith/internal/engine/runner"
)

// output is an attempt's output.
type output struct{ stdout, stderr *sink }

func newOutput(t *testing.T) *output {
	return &output{stdout: newSink(t), stderr: newSink(t)}
}

func (o *output) both() runner.Output {
	return runner.Output{Stdout: o.stdout, Stderr: o.stderr}
}

// closeAfterWait makes later writes fail the test.
func (o *output) closeAfterWait() {
	o.stdout.closeAfterWait()
	o.stderr.closeAfterWait()
}

// sink records its writes, and fails the test if two overlap.
type sink struct {
	t    *testing.T
	busy atomic.Bool

	mu      sync.Mutex
	changed *sync.Cond
	buf     bytes.Buffer
	closed  bool
}

func newSink(t *testing.T) *sink {
	s := &sink{t: t}
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *sink) Write(b []byte) (int, error) {
	if !s.busy.CompareAndSwap(false, true) {
		s.t.Error("two writes at a time to one writer")
	}
	defer s.busy.Store(false)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.t.Error("a write after Wait returned")
	}
	s.changed.Broadcast()
	return s.buf.Write(b)
}

// closeAfterWait makes later writes fail the test.
func (s *sink) closeAfterWait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// await blocks until text was printed.
func (s *sink) await(text string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	defer context.AfterFunc(ctx, s.changed.Broadcast)()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !strings.Contains(s.buf.String(), text) {
		if ctx.Err() != nil {
			s.t.Fatalf("printed %q, want %q in it", s.buf.String(), text)
		}
		s.changed.Wait()
	}
}

func testOutputLarge(t *testing.T, h Harness) {
	size := 10 << 20
	if h.Burst > 0 {
		size = min(size, h.Burst/2)
	}
	size = h.spillSize(size)
	out := h.start(t, h.spill(size))
	wait(t, h.Runner, id(0), runner.Result{})
	out.closeAfterWait()
	for name, got := range h.spilled(out) {
		if want := pattern(name, size); got != want {
			t.Errorf("%s: got %d bytes that differ from byte %d on, want %d", name, len(got), FirstDifference(got, want), len(want))
		}
	}
}

// spill is an attempt that prints so many bytes on each stream.
func (h Harness) spill(size int) runner.Spec {
	return h.spec(0, "spill", number(size), number(int(h.Linger.Milliseconds())))
}

// spillSize returns the size of both streams. Whole lines can be told apart if both come
// as one.
func (h Harness) spillSize(size int) int {
	if h.Merged {
		size = strings.LastIndexByte(pattern("stdout", size), '\n') + 1
	}
	return size
}

// spilled returns the streams of the task "spill".
func (h Harness) spilled(out *output) map[string]string {
	if !h.Merged {
		return map[string]string{"stdout": out.stdout.String(), "stderr": out.stderr.String()}
	}
	var both [2]strings.Builder
	for line := range strings.Lines(out.stdout.String()) {
		stream := 0
		if strings.HasPrefix(line, "stderr") {
			stream = 1
		}
		both[stream].WriteString(line)
	}
	return map[string]string{"stdout": both[0].String(), "stderr": both[1].String()}
}

// FirstDifference returns the index of the first byte in which two texts differ.
func FirstDifference(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func testOutputBytes(t *testing.T, h Harness) {
	out := h.start(t, h.spec(0, "bytes"))
	wait(t, h.Runner, id(0), runner.Result{})
	stdout, want := out.stdout.String(), oddBytes
	if h.LosesCR {
		want = strings.ReplaceAll(want, "\r\n", "\n")
	}
	if h.Merged {
		if !strings.Contains(stdout, "err") || strings.Replace(stdout, "err", "", 1) != want {
			t.Errorf("stdout = %q, want %q with %q between two lines", stdout, want, "err")
		}
		return
	}
	if stdout != want {
		t.Errorf("stdout = %q, want %q", stdout, want)
	}
	if got, want := out.stderr.String(), "err"; got != want {
		t.Errorf("stderr = %q, want %q", got, want)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

// A writer that fails makes the task neither fail nor hang.
func testOutputWriterFails(t *testing.T, h Harness) {
	spec := h.spill(1 << 20)
	out := newOutput(t)
	if err := h.Runner.Start(t.Context(), spec, runner.Output{Stdout: failingWriter{}, Stderr: out.stderr}); err != nil {
		t.Fatalf("Start(%v) = %v, want no error", spec.ID, err)
	}
	wait(t, h.Runner, id(0), runner.Result{})
	if h.Merged {
		return // stderr has the same writer
	}
	if got, want := out.stderr.String(), pattern("stderr", 1<<20); got != want {
		t.Errorf("stderr: got %d bytes, want all %d", len(got), len(want))
	}
}

// gate blocks every write until it is opened.
type gate struct {
	*sink
	opened chan struct{}
}

func (g gate) Write(b []byte) (int, error) {
	<-g.opened
	return g.sink.Write(b)
}

// All output is written before Wait returns, however long the writer takes.
func testOutputSlowWriter(t *testing.T, h Harness) {
	size := h.spillSize(10 << 10)
	spec := h.spill(size)
	out := newOutput(t)
	slow := gate{sink: out.stdout, opened: make(chan struct{})}
	if err := h.Runner.Start(t.Context(), spec, runner.Output{Stdout: slow, Stderr: out.stderr}); err != nil {
		t.Fatalf("Start(%v) = %v, want no error", spec.ID, err)
	}
	t.Cleanup(func() { stop(t, h.Runner, spec.ID) })
	open := sync.OnceFunc(func() { close(slow.opened) })
	t.Cleanup(open)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if got, err := h.Runner.Wait(ctx, id(0)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Wait while the writer blocks = %+v, %v, want it to block", got, err)
	}
	open()
	wait(t, h.Runner, id(0), runner.Result{})
	if got, want := h.spilled(out)["stdout"], pattern("stdout", size); got != want {
		t.Errorf("stdout: got %d bytes, want all %d", len(got), len(want))
	}
}
