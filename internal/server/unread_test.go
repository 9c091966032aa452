package server

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipe is a listener with one connection, to which the test has the other end.
type pipe struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipe) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipe) Close() error   { close(p.done); return nil }
func (p *pipe) Addr() net.Addr { return &net.TCPAddr{} }

// connect serves h on a connection, and returns the client's end.
func connect(t *testing.T, h http.Handler) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	l := &pipe{make(chan net.Conn, 1), make(chan struct{})}
	l.conns <- theirs
	s := HTTP(h, slog.New(slog.DiscardHandler))
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return ours
}

// TestUnreadAnswerIsBrokenOff sends requests, and reads nothing: the handler ends, and with it what it
// holds.
func TestUnreadAnswerIsBrokenOff(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"large": 1 << 20, "small": 10} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ended := make(chan time.Time, 2)
				conn := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					context.AfterFunc(r.Context(), func() { ended <- time.Now() })
					_, _ = io.WriteString(w, strings.Repeat("x", size))
				}))
				defer conn.Close()
				began := time.Now()
				_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
				if took := (<-ended).Sub(began); took > 2*writeTimeout {
					t.Errorf("the request ended after %v, want at most %v", took, 2*writeTimeout)
				}
			})
		})
	}
}

// TestSlowReaderGetsItsAnswer reads a little at a time, for longer than one write may take; and a
// stream that is silent for longer ends as it should.
func TestSlowReaderGetsItsAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const size = 20 * writeSize
		conn := connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", size))
			_ = http.NewResponseController(w).Flush()
			time.Sleep(time.Hour)
			_, _ = io.WriteString(w, "end")
		}))
		defer conn.Close()
		go func() { _, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") }()
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		read, buf := 0, make([]byte, writeSize/4)
		for read < size {
			n, err := io.ReadFull(response.Body, buf)
			if err != nil {
				t.Fatalf("after %d bytes: %v", read, err)
			}
			read += n
			time.Sleep(5 * time.Second)
		}
		rest, err := io.ReadAll(response.Body)
		if err != nil || string(rest) != "end" {
			t.Errorf("rest = %q, %v, want end", rest, err)
		}
	})
}
