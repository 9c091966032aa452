package server_test

import (
	"errors"
	"io"
	"net"
	"testing"

	"github.com/runwith/runwith/internal/server"
)

// dialed returns a connection that sends text first.
func dialed(t *testing.T, addr net.Addr, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestSplit(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	http1, http2 := server.Split(l)
	dialed(t, l.Addr(), "") // says nothing, and holds nobody up
	for _, test := range []struct {
		text string
		to   net.Listener
	}{
		{"GET / HTTP/1.1\r\n\r\n", http1},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", http2},
		{"PUT / HTTP/1.1\r\n\r\n", http1},
	} {
		client := dialed(t, l.Addr(), test.text)
		if err := client.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		conn, err := test.to.Accept()
		if err != nil {
			t.Fatalf("%q: Accept() = %v", test.text, err)
		}
		if got, err := io.ReadAll(conn); err != nil || string(got) != test.text {
			t.Errorf("%q: read %q, %v", test.text, got, err)
		}
		_ = conn.Close()
	}
	for _, branch := range []net.Listener{http1, http2} {
		if err := branch.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
		if _, err := branch.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept() after Close() = %v, want net.ErrClosed", err)
		}
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("the listener still listens when both branches are closed")
	}
}
