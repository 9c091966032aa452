//go:build linux || darwin

package process

import (
	"bufio"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// limit is how long anything may take. Only a fault reaches it.
const limit = 2 * time.Minute

// leash shows which processes live, without process IDs: each dials it, writes its name,
// and holds the connection until it dies.
type leash struct {
	t       *testing.T
	path    string
	started chan string
	ended   chan string
	live    int
}

func newLeash(t *testing.T) *leash {
	t.Helper()
	dir, err := os.MkdirTemp("", "leash") //nolint:usetesting // the path of t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l := &leash{t: t, path: filepath.Join(dir, "s"), started: make(chan string), ended: make(chan string)}
	listener, err := net.Listen("unix", l.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go l.hold(conn)
		}
	}()
	return l
}

func (l *leash) hold(conn net.Conn) {
	defer conn.Close()
	defer context.AfterFunc(l.t.Context(), func() { _ = conn.Close() })() // ends a process that nobody killed
	reader := bufio.NewReader(conn)
	name, err := reader.ReadString('\n')
	if err != nil {
		return
	}
	name = strings.TrimSpace(name)
	for _, step := range []chan string{l.started, l.ended} {
		select {
		case step <- name:
		case <-l.t.Context().Done():
			return
		}
		_, _ = reader.ReadByte() // returns at the process's end: it sends nothing
	}
}

// awaitStart blocks until every one of the names lives.
func (l *leash) awaitStart(names ...string) {
	l.t.Helper()
	missing := make(map[string]bool)
	for _, name := range names {
		missing[name] = true
	}
	for len(missing) > 0 {
		select {
		case name := <-l.started:
			delete(missing, name)
			l.live++
		case <-time.After(limit):
			l.t.Fatalf("processes that did not start: %v", missing)
		}
	}
}

// awaitEnd blocks until none of those that started lives.
func (l *leash) awaitEnd() {
	l.t.Helper()
	for l.live > 0 {
		select {
		case <-l.ended:
			l.live--
		case <-time.After(limit):
			l.t.Fatalf("%d processes are still there, want none", l.live)
		}
	}
}

// wantLive fails the test when one that started has ended.
func (l *leash) wantLive() {
	l.t.Helper()
	select {
	case name := <-l.ended:
		l.t.Errorf("process %s has ended, want it to live", name)
	default:
	}
}
