//go:build linux || darwin

package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/runwith/runwith/internal/engine/runner"
)

// patience is how long a pipe may stay open after the end of the group. Only a
// process that left the group, or a slow writer, keeps one open at all.
const patience = 100 * time.Millisecond

// pipes carry an attempt's output to its writers.
type pipes struct {
	streams [2]stream
	open    atomic.Int32  // streams that are not at their end
	done    chan struct{} // closed when both streams are at their end
}

// stream is one pipe, and where what comes out of it goes.
type stream struct {
	reader  *os.File
	writer  int // a file descriptor, for the task alone: this process never writes; -1 for none
	out     io.Writer
	buffers *buffers
	err     error
}

// buffers are what streams are copied through, used again: two for each attempt
// would be most of the garbage that it makes.
type buffers struct{ pool sync.Pool }

func (b *buffers) get() *[]byte {
	if buf, ok := b.pool.Get().(*[]byte); ok {
		return buf
	}
	return new(make([]byte, 32<<10))
}

func (b *buffers) put(buf *[]byte) { b.pool.Put(buf) }

func openPipes(out runner.Output, buffers *buffers) (*pipes, error) {
	p := &pipes{done: make(chan struct{})}
	p.open.Store(int32(len(p.streams)))
	for i, w := range serial(out) {
		p.streams[i] = stream{writer: -1, out: w, buffers: buffers}
	}
	for i := range p.streams {
		s := &p.streams[i]
		var err error
		if s.reader, s.writer, err = newPipe(); err != nil {
			p.closeWriters()
			p.closeReaders()
			return nil, err
		}
	}
	return p, nil
}

// newReader is a pipe's reader as a file that is waited for together with all others.
// A writer as such a file would cost a dozen system calls, for nothing.
func newReader(fd int) (*os.File, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "|0"), nil
}

// serial returns the two writers; one that is both is never written to twice at
// a time.
func serial(out runner.Output) [2]io.Writer {
	writers := [2]io.Writer{out.Stdout, out.Stderr}
	for i := range writers {
		if writers[i] == nil {
			writers[i] = io.Discard
		}
	}
	if out.Stdout != nil && out.Stdout == out.Stderr {
		shared := &lockedWriter{w: out.Stdout}
		return [2]io.Writer{shared, shared}
	}
	return writers
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// The task holds the writers: this process must close its own for an end of file
// to be seen.
func (p *pipes) closeWriters() {
	for i := range p.streams {
		if s := &p.streams[i]; s.writer >= 0 {
			_ = unix.Close(s.writer)
			s.writer = -1
		}
	}
}

func (p *pipes) closeReaders() {
	for i := range p.streams {
		_ = p.streams[i].reader.Close() // or there is none
	}
}

// copy starts to copy both streams.
func (p *pipes) copy() {
	for i := range p.streams {
		go func() {
			p.streams[i].copy()
			if p.open.Add(-1) == 0 {
				close(p.done)
			}
		}()
	}
}

func (s *stream) copy() {
	defer s.reader.Close()
	buf := *s.buffers.get()
	defer s.buffers.put(&buf)
	if err := s.copyAll(s.reader, buf); !errors.Is(err, os.ErrDeadlineExceeded) {
		return
	}
	// Somebody who outlives the attempt holds the pipe. What the main process
	// wrote is at most what is in it now.
	_ = s.reader.SetReadDeadline(time.Time{})
	if n := unread(s.reader); n > 0 {
		_ = s.copyAll(io.LimitReader(s.reader, int64(n)), buf)
	}
}

// copyAll copies until a read fails. A writer that fails stops nothing, for the
// task would block: the rest is read and dropped, and s.err tells.
func (s *stream) copyAll(from io.Reader, buf []byte) error {
	for {
		n, err := from.Read(buf)
		if n > 0 && s.err == nil {
			if _, werr := s.out.Write(buf[:n]); werr != nil {
				s.err = fmt.Errorf("write output, the rest of which is dropped: %w", werr)
			}
		}
		if err != nil {
			return err
		}
	}
}

// unread returns how many bytes a pipe holds.
func unread(pipe *os.File) (n int) {
	conn, err := pipe.SyscallConn()
	if err != nil {
		return 0
	}
	_ = conn.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), fionread) })
	return n
}

// drain waits until everything is written that the ended attempt printed. Who
// still holds a pipe after a while is ended by kill, and let go if that does not
// help.
func (p *pipes) drain(kill func()) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.done:
		return
	case <-timer.C:
	}
	kill()
	for i := range p.streams {
		_ = p.streams[i].reader.SetReadDeadline(time.Now().Add(patience))
	}
	<-p.done
}

// err returns what kept output from being written, once both streams are done.
func (p *pipes) err() error { return errors.Join(p.streams[0].err, p.streams[1].err) }
