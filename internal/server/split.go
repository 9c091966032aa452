package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// http2Preface is the beginning of an HTTP/2 connection with prior knowledge.
// https://www.rfc-editor.org/rfc/rfc9113#section-3.4
const http2Preface = "PRI"

// Split splits a listener into two: one for gRPC, and one for everything else, HTTP/1 and
// HTTP/2 without TLS. This lets two servers share a port. The first request decides about
// a connection. Connections that send nothing for ten seconds are closed.
//
// l is closed when both listeners are.
func Split(l net.Listener) (http, grpc net.Listener) {
	s := &splitter{Listener: l}
	one, two := newBranch(s), newBranch(s)
	s.branches = [2]*branch{one, two}
	go s.accept()
	return one, two
}

// splitter accepts connections for both branches.
type splitter struct {
	net.Listener
	branches [2]*branch

	mu     sync.Mutex
	closed int // number of closed branches
}

func (s *splitter) accept() {
	for {
		conn, err := s.Listener.Accept()
		if err == nil {
			go s.sort(conn)
			continue
		}
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			continue
		}
		// Wrapped, so that no server takes an error for temporary, and asks for ever.
		err = fmt.Errorf("accept a connection: %w", err)
		for _, b := range s.branches {
			b.fail(err)
		}
		return
	}
}

// sort reads the beginning of a connection and hands the connection to its branch.
func (s *splitter) sort(conn net.Conn) {
	begin := make([]byte, len(http2Preface))
	_ = conn.SetReadDeadline(time.Now().Add(headerTimeout))
	n, err := io.ReadFull(conn, begin)
	_ = conn.SetReadDeadline(time.Time{})
	if n == 0 && err != nil {
		_ = conn.Close()
		return
	}
	b := s.branches[0]
	begun, isGRPC := net.Conn(&begunConn{Conn: conn, begin: begin[:n]}), false
	if string(begin) == http2Preface {
		begun, isGRPC = sniff(conn, begin)
	}
	if isGRPC {
		b = s.branches[1]
	}
	select {
	case b.conns <- begun:
	case <-b.done:
		_ = conn.Close()
	}
}

// branch is one of the two listeners.
type branch struct {
	splitter *splitter
	conns    chan net.Conn
	done     chan struct{} // closed by the first Close or error
	once     sync.Once
	err      error
}

func newBranch(s *splitter) *branch {
	return &branch{splitter: s, conns: make(chan net.Conn), done: make(chan struct{})}
}

func (b *branch) fail(err error) (first bool) {
	b.once.Do(func() {
		b.err, first = err, true
		close(b.done)
	})
	return first
}

// Accept returns the next connection of this protocol.
func (b *branch) Accept() (net.Conn, error) {
	select {
	case conn := <-b.conns:
		return conn, nil
	case <-b.done:
		return nil, b.err
	}
}

// Close closes this branch, and the listener if the other branch is closed too.
func (b *branch) Close() error {
	if !b.fail(net.ErrClosed) {
		return nil
	}
	b.splitter.mu.Lock()
	defer b.splitter.mu.Unlock()
	if b.splitter.closed++; b.splitter.closed == len(b.splitter.branches) {
		return b.splitter.Listener.Close()
	}
	return nil
}

// Addr returns the address of the listener.
func (b *branch) Addr() net.Addr { return b.splitter.Listener.Addr() }

// begunConn is a connection whose beginning has been read.
type begunConn struct {
	net.Conn
	begin []byte
}

// Read returns the beginning first, and then the rest.
func (c *begunConn) Read(p []byte) (int, error) {
	if len(c.begin) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.begin)
	c.begin = c.begin[n:]
	return n, nil
}
