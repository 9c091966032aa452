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

// patience is how long a pipe may stay open after the end of the group. Only a process
// that left the group, or a slow writer, keeps one open.
const patience = 100 * time.Millisecond

// pipes carry an attempt's output to its writers.
type pipes struct {
	streams [2]stream
	open    atomic.Int32  // streams that are not at their end
	done    chan struct{} // closed when both streams are at their end
}

// stream is one pipe and its destination.
type stream struct {
	reader  *os.File
	writer  int // a file descriptor for the task alone, because this process never writes; -1 for none
	out     io.Writer
	buffers *buffers
	err     error
}

// buffers is a pool of copy buffers. Two new ones for each attempt would be most of its
// garbage.
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

// newReader returns a pipe's reader as a file that the Go runtime polls. The same for
// the writer would cost a dozen system calls for nothing.
func newReader(fd int) (*os.File, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "|0"), nil
}

// serial returns the two writers. If both are the same, it is never written to twice at
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

// closeWriters closes this process's copies of the writers, which the task holds, so
// that the readers see an end of file.
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
	// A process that outlives the attempt holds the pipe. The pipe still holds the rest
	// of the main process's output.
	_ = s.reader.SetReadDeadline(time.Time{})
	if n := unread(s.reader); n > 0 {
		_ = s.copyAll(io.LimitReader(s.reader, int64(n)), buf)
	}
}

// copyAll copies until a read fails. After a failed write it drops the rest, because the
// task would block otherwise, and keeps the error.
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

// drain waits until all output of the ended attempt is written. After the patience it
// calls kill for processes that still hold a pipe, and then gives up on the pipe.
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

// err returns the failed writes, once both streams are done.
func (p *pipes) err() error { return errors.Join(p.streams[0].err, p.streams[1].err) }
