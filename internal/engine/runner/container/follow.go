package container

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/engine/runner"
)

// exit is how a container has ended, as its daemon tells.
type exit struct {
	code        int
	outOfMemory bool
}

// Exit codes of a container that was killed (128 and the number of the signal), ended
// by SIGTERM, or ended with its daemon.
const (
	exitKilled     = 137
	exitTerminated = 143
	exitUnknown    = 255
)

const (
	// settleTime is how long after the end of a container's output its daemon may say
	// that it still runs.
	settleTime = 3 * time.Second
	// rereadPause is how often the record of what a container prints is looked at.
	rereadPause = time.Second
	// watchPause is how often its state is.
	watchPause = 200 * time.Millisecond
)

// follow sees a container to its end and writes its output. It is called once.
func (r *Runner) follow(a *attempt, m *member) {
	err := errRecord
	if m.conn != nil {
		err = r.followConn(a, m)
	}
	if errors.Is(err, errRecord) && a.life.Err() == nil {
		err = r.followRecord(a, m)
	}
	if a.life.Err() != nil {
		return // it is not known how it ends
	}
	m.lost = err != nil
	close(m.ended)
}

// errRecord says that the output is to be read from the daemon's record.
var errRecord = errors.New("the output is not complete")

// followConn writes what comes through the connection that was made before the
// container was started, so that nothing is missed.
func (r *Runner) followConn(a *attempt, m *member) error {
	defer context.AfterFunc(a.life, m.conn.Close)()
	err := m.streams.copy(m.conn.Reader)
	m.conn.Close()
	if err != nil {
		return errRecord
	}
	end := time.Now()
	// The end of the output comes before that of the container is known.
	ctx, cancel := context.WithTimeout(a.life, settleTime)
	defer cancel()
	wait := backoff.Backoff{Min: time.Millisecond, Max: 50 * time.Millisecond}
	for {
		state, err := r.state(ctx, m)
		if err != nil {
			return errRecord
		}
		if hasEnded(state) {
			if r.daemon.brokeSince(end.Add(-settleTime)) {
				return errRecord // it may have been the connection's end alone
			}
			m.exit = exitOf(state)
			if m.main && !a.stopped.Load() && r.daemon.shutsDown(a.life, m.id, end) {
				r.log.Warn("the attempt ended with its daemon", "attempt", a.ID.String(), "exit_code", m.exit.code)
				return runner.ErrLost
			}
			return nil
		}
		if backoff.Sleep(ctx, wait.Next()) != nil {
			return errRecord
		}
	}
}

// followRecord goes by what the daemon has recorded, of a container whose connection
// is lost. The record is read from its beginning each time, and only what is new is
// written: a record that is followed instead loses lines of a fast writer (Podman).
func (r *Runner) followRecord(a *attempt, m *member) error {
	f := &recordFollower{Runner: r, attempt: a, member: m}
	for a.life.Err() == nil {
		state, err := r.state(a.life, m)
		switch {
		case cerrdefs.IsNotFound(err):
			return runner.ErrLost
		case err != nil:
			if err := f.missed(err); err != nil {
				return err
			}
			continue
		}
		f.since = time.Time{}
		ended := hasEnded(state)
		if m.main && !ended {
			a.Runs(startOf(state))
		}
		if !ended && time.Now().Before(f.next) {
			_ = backoff.Sleep(a.life, watchPause)
			continue
		}
		if err := f.read(ended); err != nil {
			if err := f.missed(err); err != nil {
				return err
			}
			continue
		}
		if ended {
			m.exit = exitOf(state)
			return f.verdict(state)
		}
	}
	return a.life.Err()
}

// recordFollower is how far followRecord has come.
type recordFollower struct {
	*Runner
	attempt *attempt
	member  *member
	next    time.Time // when to read again
	since   time.Time // the daemon is away
}

// missed waits a moment for a daemon that does not answer, and gives it up when its
// time is over.
func (f *recordFollower) missed(err error) error {
	if f.attempt.life.Err() != nil {
		return f.attempt.life.Err()
	}
	if f.since.IsZero() {
		f.since = time.Now()
		f.log.Warn("the daemon does not answer", "attempt", f.attempt.ID.String(), "error", err)
	}
	if time.Since(f.since) > f.config.Patience {
		f.log.Error("the attempt is given up: its daemon does not answer", "attempt", f.attempt.ID.String(), "error", err)
		return runner.ErrLost
	}
	return backoff.Sleep(f.attempt.life, watchPause)
}

// read writes what is new; whole says that nothing more can come. A reading of what is
// not whole is given up when the container ends: the one that counts comes then.
func (f *recordFollower) read(whole bool) error {
	ctx, cancel := context.WithCancel(f.attempt.life)
	defer cancel()
	var ended atomic.Bool
	if !whole {
		go f.watch(ctx, func() { ended.Store(true); cancel() })
	}
	begun := time.Now()
	logs, err := f.daemon.ContainerLogs(ctx, f.member.id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true})
	if err == nil {
		err = f.member.streams.copyAgain(logs, whole)
		_ = logs.Close() // it was read
	}
	if err != nil && !ended.Load() {
		return err
	}
	// A long record takes its time, and is read the less often.
	f.next = time.Now().Add(max(rereadPause, 4*time.Since(begun)))
	return nil
}

// watch calls done when the container has ended, unless ctx ends first.
func (f *recordFollower) watch(ctx context.Context, done func()) {
	for backoff.Sleep(ctx, watchPause) == nil {
		if state, err := f.state(ctx, f.member); err == nil && hasEnded(state) {
			done()
			return
		}
	}
}

// verdict tells whether a container that has ended did so by itself.
func (f *recordFollower) verdict(s *container.State) error {
	if !f.attempt.stopped.Load() && f.daemon.mayHaveEnded(f.member.lastSeen(), s) {
		f.log.Warn("the attempt ended with its daemon", "attempt", f.attempt.ID.String(), "exit_code", s.ExitCode)
		return runner.ErrLost
	}
	return nil
}

// state asks for a container's state.
func (r *Runner) state(ctx context.Context, m *member) (*container.State, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	asked := time.Now()
	reply, err := r.daemon.ContainerInspect(ctx, m.id, client.ContainerInspectOptions{})
	if err != nil {
		return nil, err
	}
	if reply.Container.State == nil {
		return nil, errors.New("the daemon tells no state of the container")
	}
	if reply.Container.State.Running {
		m.seen.Store(asked.UnixNano())
	}
	return reply.Container.State, nil
}

// hasEnded reports whether a container was started and runs no more. Podman has a
// state of its own between the two.
func hasEnded(s *container.State) bool {
	return s.Status == container.StateExited || s.Status == container.StateDead || s.Status == "stopped"
}

// startOf returns when a container was started, or now if the daemon does not say or its
// clock is ahead.
func startOf(s *container.State) time.Time {
	now := time.Now()
	started, err := time.Parse(time.RFC3339Nano, s.StartedAt)
	if err != nil || started.After(now) {
		return now
	}
	return started
}

func exitOf(s *container.State) exit { return exit{s.ExitCode, s.OOMKilled} }
