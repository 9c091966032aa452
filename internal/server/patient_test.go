package server_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/runwith/runwith/internal/server"
)

// poor is a listener that lacks descriptors for a while.
type poor struct {
	net.Listener
	lacks atomic.Int64 // how many calls of Accept still fail
	err   error
}

func (p *poor) Accept() (net.Conn, error) {
	if p.lacks.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", p.err)}
	}
	return p.Listener.Accept()
}

// noGRPC makes the server split its listener by protocol, and serves nothing.
type noGRPC struct{}

func (noGRPC) ServeGRPC(ctx context.Context, l net.Listener, _ server.Admit) error {
	defer l.Close()
	<-ctx.Done()
	return nil
}

func (noGRPC) StopGRPC(context.Context) {}

// A server accepts again when there are descriptors again, and warns once, whether it has
// one protocol or two.
func TestAcceptRecoversFromALackOfDescriptors(t *testing.T) {
	t.Parallel()
	for name, grpc := range map[string]server.GRPC{"one protocol": nil, "two protocols": noGRPC{}} {
		for _, lack := range []error{syscall.EMFILE, syscall.ENFILE} {
			t.Run(name+"/"+lack.Error(), func(t *testing.T) {
				t.Parallel()
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				p := &poor{Listener: l, err: lack}
				p.lacks.Store(20)
				var log bytes.Buffer
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() {
					site := &server.Site{GRPC: grpc, Close: func() error { return nil }}
					open := func(context.Context, string) (*server.Site, error) { return site, nil }
					ended <- server.Serve(ctx, server.Config{Listener: p, Logger: slog.New(slog.NewTextHandler(&log, nil))}, open, func(string) {})
				}()
				response, err := http.Get("http://" + l.Addr().String() + "/healthz")
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				if response.StatusCode != http.StatusOK || p.lacks.Load() >= 0 {
					t.Errorf("answer = %d with %d failures left, want 200 after all of them", response.StatusCode, p.lacks.Load())
				}
				cancel()
				if err := <-ended; err != nil {
					t.Errorf("Serve() = %v", err)
				}
				if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "ulimit -n") {
					t.Errorf("log has %d lines, want one warning with advice:\n%s", n, log.String())
				}
			})
		}
	}
}

// A listener that fails ends the server, even if the error calls itself temporary.
func TestBrokenListenerEndsASplitServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := &poor{Listener: l, err: syscall.EMFILE}
	p.lacks.Store(1)
	http1, _ := server.Split(p)
	if err := (&http.Server{ReadHeaderTimeout: 1}).Serve(http1); err == nil || !strings.Contains(err.Error(), "accept a connection") {
		t.Errorf("Serve() = %v, want the listener's error", err)
	}
}
