package container

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moby/moby/client"

	"github.com/runwith/runwith/internal/engine/runner"
)

// sideGrace is how long the other containers of a task have to end after the main
// one, between SIGTERM and SIGKILL.
// https://cloud.google.com/run/docs/container-contract#instance-shutdown
const sideGrace = 10 * time.Second

// attempt is one that this Runner placed or adopted.
type attempt struct {
	id      runner.ID
	started chan struct{} // closed when err is set or the attempt runs
	done    chan struct{} // closed when all output is written and result, or lost, is set
	err     error         // why it could not be placed
	result  runner.Result
	lost    bool
	stopped atomic.Bool // somebody has asked it to end

	mu      sync.Mutex
	members []*member // in the order in which they were started
	volumes []string
}

// member is a container of an attempt.
type member struct {
	id       string // the daemon's
	name     string // in the template; may be empty
	main     bool
	streams  streams
	seen     atomic.Int64             // when it was known to run last, or was made or found, in Unix nanoseconds
	conn     *client.HijackedResponse // nil where the output is read from the daemon's record
	followed bool                     // it was started
	ended    chan struct{}            // closed when exit, or lost, is set and all output is written
	exit     exit
	lost     bool
}

func newAttempt(id runner.ID) *attempt {
	return &attempt{id: id, started: make(chan struct{}), done: make(chan struct{})}
}

func newMember(id, name string, main bool, out runner.Output) *member {
	m := &member{
		id: id, name: name, main: main, ended: make(chan struct{}),
		streams: streams{stdout: cursor{out: out.Stdout}, stderr: cursor{out: out.Stderr}},
	}
	m.seen.Store(time.Now().UnixNano())
	return m
}

func (m *member) lastSeen() time.Time { return time.Unix(0, m.seen.Load()) }

// placed waits until the attempt runs and returns why it does not.
func (a *attempt) placed(ctx context.Context) error {
	select {
	case <-a.started:
		return a.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *attempt) ended() bool { return closed(a.done) }

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (a *attempt) add(m *member) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.members = append(a.members, m)
}

func (a *attempt) containers() []*member {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.members)
}

// main returns the main container, or nil while there is none.
func (a *attempt) main() *member {
	all := a.containers()
	if i := slices.IndexFunc(all, func(m *member) bool { return m.main }); i >= 0 {
		return all[i]
	}
	return nil
}

// supervise sees an attempt to its end, which is that of its main container.
func (r *Runner) supervise(a *attempt) {
	main := a.main()
	select {
	case <-main.ended:
	case <-r.life.Done():
		return // the next server adopts it
	}
	r.endSides(a)
	for _, m := range a.containers() {
		r.logError("write output of attempt", a.id, errors.Join(m.streams.stdout.err, m.streams.stderr.err))
	}
	a.result, a.lost = r.judge(a, main.exit), main.lost
	close(a.done)
	r.discard(a)
}

// judge is how an attempt has ended, by the end of its main container.
func (r *Runner) judge(a *attempt, e exit) runner.Result {
	memory := e.outOfMemory && e.code != 0
	if e.code == exitKilled && r.daemon.podman && r.daemon.cgroups1 && !a.stopped.Load() {
		memory = true // nobody else would have killed it, and it is not told
	}
	return runner.Result{ExitCode: e.code, OutOfMemory: memory}
}

// endSides ends what still runs beside a main container that has ended.
func (r *Runner) endSides(a *attempt) {
	ctx, cancel := context.WithTimeout(r.life, sideGrace)
	defer cancel()
	r.signal(r.life, a, "SIGTERM")
	for _, m := range a.containers() {
		select {
		case <-m.ended:
			continue
		case <-ctx.Done():
		}
		r.signal(r.life, a, "SIGKILL")
		select {
		case <-m.ended:
		case <-r.life.Done():
		}
	}
}

// insist is how often SIGKILL is sent: a daemon that is away may come back.
const insist = time.Second

// stop sends SIGTERM, and SIGKILL after the grace, and waits for the end.
func (r *Runner) stop(ctx context.Context, a *attempt, grace time.Duration) error {
	a.stopped.Store(true)
	r.signal(ctx, a, "SIGTERM")
	timer := time.NewTimer(grace)
	defer timer.Stop()
	for {
		select {
		case <-a.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			r.signal(ctx, a, "SIGKILL")
			timer.Reset(insist)
		}
	}
}

// signal sends a signal to the containers that run. That one has ended meanwhile is
// no error, and the daemon that is away is the follower's to judge.
func (r *Runner) signal(ctx context.Context, a *attempt, name string) {
	for _, m := range a.containers() {
		if closed(m.ended) {
			continue
		}
		if _, err := r.daemon.ContainerKill(ctx, m.id, client.ContainerKillOptions{Signal: name}); err != nil && ctx.Err() == nil {
			r.log.Debug("signal container", "attempt", a.id.String(), "signal", name, "error", err)
		}
	}
}

// removeTimeout is how long a daemon has to remove what is of no use any more. What
// it does not remove, the next server does.
const removeTimeout = time.Minute

// abandon removes what there is of an attempt that could not be placed. When it
// returns nothing of that runs, as far as the daemon can be asked, and nothing is written.
func (r *Runner) abandon(a *attempt) {
	ctx, cancel := context.WithTimeout(r.life, removeTimeout)
	defer cancel()
	r.logError("remove containers of attempt", a.id, r.remove(ctx, a))
	for _, m := range a.containers() {
		switch {
		case m.followed:
			select {
			case <-m.ended:
			case <-r.life.Done():
			}
		case m.conn != nil:
			m.conn.Close()
		}
	}
}

// discard removes the containers and volumes of an attempt, in the background, and no
// more of them at once than removals says.
func (r *Runner) discard(a *attempt) {
	r.background.Go(func() {
		for _, m := range a.containers() {
			if m.conn != nil {
				m.conn.Close()
			}
		}
		r.removing <- struct{}{}
		defer func() { <-r.removing }()
		ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
		defer cancel()
		r.logError("remove containers of attempt", a.id, r.remove(ctx, a))
	})
}

// remove takes the containers down in the reverse order of their start: the first one
// has the network of all.
func (r *Runner) remove(ctx context.Context, a *attempt) error {
	var errs []error
	for _, m := range slices.Backward(a.containers()) {
		errs = append(errs, r.removeContainer(ctx, m.id))
	}
	for _, volume := range a.volumes {
		_, err := r.daemon.VolumeRemove(ctx, volume, client.VolumeRemoveOptions{Force: true})
		errs = append(errs, ignoreGone(err))
	}
	return errors.Join(errs...)
}

// removeContainer ends and removes a container. A daemon that is busy with it is
// asked again.
func (r *Runner) removeContainer(ctx context.Context, id string) error {
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		_, err := r.daemon.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if err = ignoreGone(err); err == nil || wait > 2*time.Second {
			return err
		}
		if pause(ctx, wait) != nil {
			return err
		}
	}
}

func (r *Runner) logError(what string, id runner.ID, err error) {
	if err != nil {
		r.log.Error(what, "attempt", id.String(), "error", err)
	}
}

// pause waits, unless the context ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
