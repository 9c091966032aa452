//go:build unix

package container

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/testneed"
)

// TestMayHaveEnded checks how the Runner infers whether the daemon ended a container while it was
// away: from the last time it saw the container run, the time of the end, and the daemon's kind.
func TestMayHaveEnded(t *testing.T) {
	t.Parallel()
	broke := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		endsAll, remote        bool
		missed, seen, finished int // seconds after the break
		code                   int
		want                   bool
	}{
		"docker, with any exit code":   {endsAll: true, seen: -1, finished: 1, want: true},
		"docker, as it shut down":      {endsAll: true, seen: -2, finished: -1, want: true},
		"docker, before the break":     {endsAll: true, seen: -30, finished: -20},
		"docker, seen after the break": {endsAll: true, seen: 1, finished: 2, code: exitKilled},
		"docker, away twice":           {endsAll: true, missed: 2, seen: 1, finished: 2, want: true},
		"docker, another clock":        {endsAll: true, remote: true, seen: -2, finished: -1, want: true},
		"podman, killed":               {seen: -1, finished: 1, code: exitKilled, want: true},
		"podman, ended":                {seen: -1, finished: 1, code: exitTerminated, want: true},
		"podman, by itself":            {seen: -1, finished: 1, code: 2},
		"podman, seen after the break": {seen: 1, finished: 2, code: exitKilled},
	} {
		d := &daemon{endsAll: test.endsAll, remote: test.remote}
		at := func(seconds int) time.Time { return broke.Add(time.Duration(seconds) * time.Second) }
		d.broke.Store(broke.UnixNano())
		d.missed.Store(at(test.missed).UnixNano())
		state := &container.State{ExitCode: test.code, FinishedAt: at(test.finished).Format(time.RFC3339Nano)}
		if got := d.mayHaveEnded(at(test.seen), state); got != test.want {
			t.Errorf("%s: mayHaveEnded = %t, want %t", name, got, test.want)
		}
	}
}

// TestWatchNotesThatTheDaemonIsAway checks that an attempt that begins while the daemon goes away
// does not wait for a connection to break that was never there.
func TestWatchNotesThatTheDaemonIsAway(t *testing.T) {
	t.Parallel()
	absent, err := client.New(client.WithHost("unix://" + filepath.Join(t.TempDir(), "docker.sock")))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		d := &daemon{Client: absent, wanted: make(chan struct{}, 1)}
		begin := time.Now()
		ctx, stop := context.WithTimeout(t.Context(), 10*watchPause)
		defer stop()
		d.watch(ctx, func() bool { return true })
		if got := d.broke.Load(); got != begin.UnixNano() {
			t.Errorf("the connection broke %v after the watch began, want 0s: the first moment counts", time.Duration(got-begin.UnixNano()))
		}
		if got, least := time.Duration(d.missed.Load()-begin.UnixNano()), 9*watchPause; got < least {
			t.Errorf("the daemon was away until %v after the watch began, want at least %v", got, least)
		}
	})
}

// TestWatchLetsGo checks that nothing is connected to the daemon once there are no attempts, and
// that this does not count as a daemon that went away.
func TestWatchLetsGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		dial := func(context.Context, string, string) (net.Conn, error) { return near, nil }
		c, err := client.New(client.WithHTTPClient(newHTTPClient()), client.WithHost("tcp://daemon:1"), client.WithDialContext(dial))
		if err != nil {
			t.Fatal(err)
		}
		d := &daemon{Client: c, wanted: make(chan struct{}, 1)}
		const busy = time.Minute
		begun := time.Now()
		go d.watch(t.Context(), func() bool { return time.Since(begun) < busy })
		_, _ = io.Copy(io.Discard, far) // until the connection is closed
		if held := time.Since(begun); held < busy || held > busy+idlePause {
			t.Errorf("the connection was held for %v with attempts for %v, want at most %v more", held, busy, idlePause)
		}
		synctest.Wait()
		if d.brokeSince(begun) {
			t.Error("the daemon counts as one that was away, want that only the attempts ended")
		}
	})
}

// proxy is a socket in front of the daemon that can go away and come back.
type proxy struct {
	t          *testing.T
	host, path string
	listener   net.Listener

	mu    sync.Mutex
	conns []net.Conn
}

func newProxy(t *testing.T) *proxy {
	p := &proxy{t: t, host: strings.TrimPrefix(testneed.Daemon(t), "unix://"), path: filepath.Join(scratch(t), "docker.sock")}
	p.up()
	t.Cleanup(p.down)
	return p
}

func (p *proxy) up() {
	p.t.Helper()
	listener, err := net.Listen("unix", p.path)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.listener = listener
	p.mu.Unlock()
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", p.host)
			if err != nil {
				_ = near.Close()
				continue
			}
			if !p.keep(listener, near, far) {
				return
			}
			go pass(near, far)
			go pass(far, near)
		}
	}()
}

// keep notes a new connection, or cuts it if the listener has gone down meanwhile.
func (p *proxy) keep(listener net.Listener, conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != listener {
		for _, c := range conns {
			_ = c.Close()
		}
		return false
	}
	p.conns = append(p.conns, conns...)
	return true
}

// pass copies one direction to its end, and ends it on the other side too.
func pass(from, to net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.(*net.UnixConn).CloseWrite()
}

// down cuts every connection.
func (p *proxy) down() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener == nil {
		return // the test took it down
	}
	_ = p.listener.Close()
	p.listener = nil
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

// mainOfAttempt returns the main container of an attempt that runs.
func mainOfAttempt(r *Runner, id runner.ID) *member {
	a, _ := r.attempts.Find(id)
	return a.main()
}

// TestDaemonComesBack checks that the Runner continues an attempt's output after the daemon was
// away, without losing or doubling any.
func TestDaemonComesBack(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	r := openTest(t, Config{Hosts: []string{"unix://" + p.path}, Buckets: "/"})
	file := filepath.Join(scratch(t), "go")
	spec := hosted(specOf(t, shell("echo one; while [ ! -e "+file+" ]; do sleep 0.05; done; echo two; exit 5")))
	stdout, _ := start(t, r, spec)
	stdout.await(t, "one\n")
	down, m := time.Now(), mainOfAttempt(r, spec.ID)
	p.down()
	p.up()
	// Before that, the Runner assumes that Docker may have ended it.
	eventually.True(t, "the runner has seen the attempt again", func() bool { return !m.lastSeen().Before(down) })
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := wait(t, r, spec.ID), (runner.Result{ExitCode: 5}); got != want {
		t.Errorf("ended with %+v, want %+v", got, want)
	}
	if got, want := stdout.String(), "one\ntwo\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}

// TestDaemonStaysAway checks that the attempts of a daemon that stays away are lost, and that the
// next incarnation ends the one before.
func TestDaemonStaysAway(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	r := openTest(t, Config{Hosts: []string{"unix://" + p.path}, Buckets: "/", Patience: 300 * time.Millisecond})
	spec := hosted(specOf(t, shell("echo one; while :; do sleep 1; done")))
	stdout, _ := start(t, r, spec)
	stdout.await(t, "one\n")
	p.down()
	if _, err := r.Wait(t.Context(), spec.ID); !errors.Is(err, runner.ErrLost) {
		t.Errorf("Wait = %v, want ErrLost", err)
	}
	next := spec
	next.ID.Incarnation = 1
	p.up()
	stdout, _ = start(t, r, next)
	stdout.await(t, "one\n")
	left, err := r.owned(t.Context())
	if err != nil || len(left) != 1 {
		t.Errorf("containers = %d, %v, want only the one of the next incarnation", len(left), err)
	}
	stop(t, r, next.ID)
	waitStopped(t, r, next.ID)
}

// TestDaemonEndsAttempt checks that an attempt counts as lost, not as failed, if the daemon ended
// its container.
func TestDaemonEndsAttempt(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	r := openTest(t, Config{Hosts: []string{"unix://" + p.path}, Buckets: "/"})
	direct := openTest(t, Config{})
	spec := hosted(specOf(t, shell("echo one; while :; do sleep 1; done")))
	stdout, _ := start(t, r, spec)
	stdout.await(t, "one\n")
	id, down := mainOfAttempt(r, spec.ID).id, time.Now()
	p.down()
	if _, err := direct.daemon.ContainerKill(t.Context(), id, client.ContainerKillOptions{Signal: "SIGKILL"}); err != nil {
		t.Fatal(err)
	}
	eventually.True(t, "the runner has lost the daemon", func() bool { return r.daemon.brokeSince(down) })
	p.up()
	if _, err := r.Wait(t.Context(), spec.ID); !errors.Is(err, runner.ErrLost) {
		t.Errorf("Wait = %v, want ErrLost", err)
	}
}

// TestDaemonShutsDown checks that an attempt counts as lost if Docker shuts down, because Docker
// then ends its containers.
func TestDaemonShutsDown(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	r := openTest(t, Config{Hosts: []string{"unix://" + p.path}, Buckets: "/"})
	if !r.daemon.endsAll {
		t.Skip("containers of this daemon outlive it")
	}
	direct := openTest(t, Config{})
	spec := hosted(specOf(t, shell("trap 'exit 0' TERM; echo one; while :; do sleep 0.05; done")))
	stdout, _ := start(t, r, spec)
	stdout.await(t, "one\n")
	id := mainOfAttempt(r, spec.ID).id
	if _, err := direct.daemon.ContainerKill(t.Context(), id, client.ContainerKillOptions{Signal: "SIGTERM"}); err != nil {
		t.Fatal(err)
	}
	killed := newMember(id, "", true, runner.Output{})
	eventually.True(t, "the container has ended", func() bool {
		state, err := direct.state(t.Context(), killed)
		if err != nil {
			t.Fatal(err)
		}
		return hasEnded(state)
	})
	down := time.Now()
	p.down()
	eventually.True(t, "the runner has lost the daemon", func() bool { return r.daemon.brokeSince(down) })
	p.up()
	if _, err := r.Wait(t.Context(), spec.ID); !errors.Is(err, runner.ErrLost) {
		t.Errorf("Wait = %v, want ErrLost", err)
	}
	none(t, r)
}
