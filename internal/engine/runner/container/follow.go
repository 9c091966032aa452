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

// exit is how a container ended, as its daemon reports.
type exit struct {
	code        int
	outOfMemory bool
	ran         time.Duration // 0 if unknown
}

// Exit codes of a container that SIGKILL ended (128 plus the signal's number), that
// SIGTERM ended, and that ended with its daemon.
const (
	exitKilled     = 137
	exitTerminated = 143
	exitUnknown    = 255
)

const (
	// settleTime is how long the daemon may report a container as running after the end
	// of its output.
	settleTime = 3 * time.Second
	// rereadPause is the pause between two readings of the daemon's record of the
	// output.
	rereadPause = time.Second
	// watchPause is the pause between two readings of a container's state.
	watchPause = 200 * time.Millisecond
)

// follow writes a container's output until it ends. It is called once.
func (r *Runner) follow(a *attempt, m *member) {
	err := errRecord
	if m.conn != nil {
		err = r.followConn(a, m)
	}
	if errors.Is(err, errRecord) && a.Life.Err() == nil {
		err = r.followRecord(a, m)
	}
	if a.Life.Err() != nil {
		return // nobody knows how it ends
	}
	m.lost = err != nil
	close(m.ended)
}

// errRecord means that the rest of the output must be read from the daemon's record.
var errRecord = errors.New("the output is not complete")

// followConn writes the output from the connection that was made before the container
// was started, so that nothing is missing.
func (r *Runner) followConn(a *attempt, m *member) error {
	defer context.AfterFunc(a.Life, m.conn.Close)()
	err := m.streams.copy(m.conn.Reader)
	m.conn.Close()
	if err != nil {
		return errRecord
	}
	end := time.Now()
	// The output ends before the daemon knows of the container's end.
	ctx, cancel := context.WithTimeout(a.Life, settleTime)
	defer cancel()
	wait := backoff.Backoff{Min: time.Millisecond, Max: 50 * time.Millisecond}
	for {
		state, err := r.state(ctx, m)
		if err != nil {
			return errRecord
		}
		if hasEnded(state) {
			if r.daemon.brokeSince(end.Add(-settleTime)) {
				return errRecord // perhaps only the connection ended
			}
			m.exit = exitOf(state)
			if m.main && !a.stopped.Load() && r.daemon.shutsDown(a.Life, m.id, end) {
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

// followRecord writes the output from the daemon's record, for a container without a
// connection. It reads the record from the start each time and writes only the new part,
// because following a record loses lines of a fast writer (Podman).
func (r *Runner) followRecord(a *attempt, m *member) error {
	f := &recordFollower{Runner: r, attempt: a, member: m}
	for a.Life.Err() == nil {
		state, err := r.state(a.Life, m)
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
			_ = backoff.Sleep(a.Life, watchPause)
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
	return a.Life.Err()
}

// recordFollower is the state of followRecord.
type recordFollower struct {
	*Runner
	attempt *attempt
	member  *member
	next    time.Time // when to read again
	since   time.Time // since when the daemon is away; zero if it is not
}

// missed waits a moment for a daemon that does not answer. It gives up after the
// patience.
func (f *recordFollower) missed(err error) error {
	if f.attempt.Life.Err() != nil {
		return f.attempt.Life.Err()
	}
	if f.since.IsZero() {
		f.since = time.Now()
		f.log.Warn("the daemon does not answer", "attempt", f.attempt.ID.String(), "error", err)
	}
	if time.Since(f.since) > f.config.Patience {
		f.log.Error("the attempt is given up: its daemon does not answer", "attempt", f.attempt.ID.String(), "error", err)
		return runner.ErrLost
	}
	return backoff.Sleep(f.attempt.Life, watchPause)
}

// read writes the new part of the record; whole means that the record is complete. If
// the container ends during a reading that is not whole, read stops: another reading
// follows.
func (f *recordFollower) read(whole bool) error {
	ctx, cancel := context.WithCancel(f.attempt.Life)
	defer cancel()
	var ended atomic.Bool
	if !whole {
		go f.watch(ctx, func() { ended.Store(true); cancel() })
	}
	begun := time.Now()
	logs, err := f.daemon.ContainerLogs(ctx, f.member.id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true})
	if err == nil {
		err = f.member.streams.copyAgain(logs, whole)
		_ = logs.Close() // all of it was read
	}
	if err != nil && !ended.Load() {
		return err
	}
	// A long record takes longer, and is read less often.
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

// verdict returns ErrLost if the daemon may have ended the container.
func (f *recordFollower) verdict(s *container.State) error {
	if !f.attempt.stopped.Load() && f.daemon.mayHaveEnded(f.member.lastSeen(), s) {
		f.log.Warn("the attempt ended with its daemon", "attempt", f.attempt.ID.String(), "exit_code", s.ExitCode)
		return runner.ErrLost
	}
	return nil
}

// state returns a container's state.
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

// hasEnded reports whether a container was started and does not run any more. Podman has
// a state of its own for the time in between.
func hasEnded(s *container.State) bool {
	return s.Status == container.StateExited || s.Status == container.StateDead || s.Status == "stopped"
}

// startOf returns when a container was started. It returns the current time if the
// daemon does not say, or if its clock is ahead.
func startOf(s *container.State) time.Time {
	now := time.Now()
	started, err := time.Parse(time.RFC3339Nano, s.StartedAt)
	if err != nil || started.After(now) {
		return now
	}
	return started
}

// ranFor returns how long a container that has ended ran, or 0 if the daemon does not say. A daemon
// may note the start of a short one after its end.
func ranFor(s *container.State) time.Duration {
	started, err1 := time.Parse(time.RFC3339Nano, s.StartedAt)
	finished, err2 := time.Parse(time.RFC3339Nano, s.FinishedAt)
	if err1 != nil || err2 != nil || started.IsZero() || finished.IsZero() {
		return 0
	}
	return max(time.Millisecond, finished.Sub(started))
}

func exitOf(s *container.State) exit { return exit{s.ExitCode, s.OOMKilled, ranFor(s)} }
