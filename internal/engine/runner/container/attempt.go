package container

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moby/moby/client"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/engine/runner"
)

// sideGrace is how long the other containers of a task have to end after the main
// one, between SIGTERM and SIGKILL.
// https://cloud.google.com/run/docs/container-contract#instance-shutdown
const sideGrace = 10 * time.Second

// attempt is one that this Runner placed or adopted, or may adopt.
type attempt struct {
	*runner.Detachable
	left    *leftover   // of an earlier server; nil if this Runner placed it
	stopped atomic.Bool // a caller has asked it to end

	following sync.WaitGroup // goroutines that write its output

	killing sync.Mutex // held while the main container gets a signal
	killed  bool       // such a signal may have reached the container while it ran

	mu      sync.Mutex
	members []*member // in the order of their start
	volumes []string
}

// member is a container of an attempt.
type member struct {
	id       string // the daemon's
	name     string // in the template; may be empty
	main     bool
	streams  streams
	seen     atomic.Int64             // when it was last known to run, or was made or found, in Unix nanoseconds
	conn     *client.HijackedResponse // nil if the output is read from the daemon's record
	followed bool                     // it was started
	ended    chan struct{}            // closed when exit, or lost, is set and all output is written
	exit     exit
	lost     bool
}

func (r *Runner) newAttempt(id runner.ID) *attempt {
	return &attempt{Detachable: runner.NewDetachable(r.life, id)}
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

// supervise waits for the attempt's end, which is that of its main container, and
// removes what there is of it. If the Runner lets go of the attempt first, nothing is
// removed.
func (r *Runner) supervise(a *attempt) {
	defer a.LetGo()
	main := a.main()
	select {
	case <-main.ended:
	case <-a.Life.Done():
	}
	if !a.StartEnding() {
		a.following.Wait()
		r.disconnect(a)
		a.End(runner.Result{}, runner.ErrDetached)
		return
	}
	r.endSides(a)
	for _, m := range a.containers() {
		r.logError("write output of attempt", a.ID, errors.Join(m.streams.stdout.err, m.streams.stderr.err))
	}
	var lost error
	if main.lost {
		lost = runner.ErrLost
	}
	r.ended(a, r.judge(a, main.exit), lost)
	r.discard(a)
}

// ended reports how the attempt ended. It forgets a leftover, because the engine does not ask
// about its end.
func (r *Runner) ended(a *attempt, result runner.Result, err error) {
	a.End(result, err)
	if !a.Owned() {
		r.attempts.Forget(a)
	}
}

// followInBackground starts to follow a container. The attempt and the Runner's Close
// wait for it.
func (r *Runner) followInBackground(a *attempt, m *member) {
	a.following.Add(1)
	r.background.Go(func() {
		defer a.following.Done()
		r.follow(a, m)
	})
}

// disconnect closes the connections that bring output.
func (r *Runner) disconnect(a *attempt) {
	for _, m := range a.containers() {
		if m.conn != nil {
			m.conn.Close()
		}
	}
}

// judge returns how the attempt ended, by the end of its main container. The time that a killed one
// ran is unknown: it says nothing about the timeout if the clocks of engine and daemon differ.
func (r *Runner) judge(a *attempt, e exit) runner.Result {
	memory := e.outOfMemory && e.code != 0
	if e.code == exitKilled && r.daemon.podman && r.daemon.cgroups1 && !a.stopped.Load() {
		memory = true // Podman does not report it, and no other cause of the kill is known
	}
	if a.wasKilled() {
		e.ran = 0
	}
	return runner.Result{ExitCode: e.code, OutOfMemory: memory, Ran: e.ran}
}

// wasKilled reports whether a signal may have ended the main container. It waits for the answer to
// one that is under way.
func (a *attempt) wasKilled() bool {
	a.killing.Lock()
	defer a.killing.Unlock()
	return a.killed
}

// insist is the pause between two SIGKILLs: a daemon that is away may come back.
const insist = time.Second

// endSides ends the containers that still run beside a main one that has ended.
func (r *Runner) endSides(a *attempt) {
	timer := time.NewTimer(sideGrace)
	defer timer.Stop()
	r.signal(r.life, a, "SIGTERM")
	for _, m := range a.containers() {
		for !runner.IsClosed(m.ended) {
			select {
			case <-m.ended:
			case <-r.life.Done():
				return
			case <-timer.C:
				r.signal(r.life, a, "SIGKILL")
				timer.Reset(insist)
			}
		}
	}
}

// stop sends SIGTERM, and SIGKILL after the grace, and waits for the end.
func (r *Runner) stop(ctx context.Context, a *attempt, grace time.Duration) error {
	a.stopped.Store(true)
	r.signal(ctx, a, "SIGTERM")
	timer := time.NewTimer(grace)
	defer timer.Stop()
	for {
		select {
		case <-a.Done():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			r.signal(ctx, a, "SIGKILL")
			timer.Reset(insist)
		}
	}
}

// signal sends a signal to the containers that run.
func (r *Runner) signal(ctx context.Context, a *attempt, name string) {
	for _, m := range a.containers() {
		if !runner.IsClosed(m.ended) {
			r.kill(ctx, a, m, name)
		}
	}
}

// kill sends a signal to a container. It ignores errors: the container may have ended meanwhile,
// and a daemon that is away, or does not answer, is the follower's concern.
func (r *Runner) kill(ctx context.Context, a *attempt, m *member, signal string) {
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if m.main {
		a.killing.Lock()
		defer a.killing.Unlock()
	}
	_, err := r.daemon.ContainerKill(asking, m.id, client.ContainerKillOptions{Signal: signal})
	if err != nil && ctx.Err() == nil {
		r.log.Debug("signal container", "attempt", a.ID.String(), "signal", signal, "error", err)
	}
	// A daemon answers with an error if the container does not run.
	if m.main && (err == nil || away(err) || errors.Is(err, context.Canceled)) {
		a.killed = true
	}
}

// removeTimeout is how long a daemon has to remove an attempt's containers. The next
// server removes the rest.
const removeTimeout = time.Minute

// abandon removes the containers of an attempt that could not be placed. When it returns
// nothing is written, and nothing runs if the daemon answers.
func (r *Runner) abandon(a *attempt) {
	defer a.LetGo()
	ctx, cancel := context.WithTimeout(r.life, removeTimeout)
	defer cancel()
	r.logError("remove containers of attempt", a.ID, r.remove(ctx, a))
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

// discard removes the containers and volumes of an attempt in the background. At most
// [daemon.removals] attempts are removed at once.
func (r *Runner) discard(a *attempt) {
	r.background.Go(func() {
		r.disconnect(a)
		r.removing <- struct{}{}
		defer func() { <-r.removing }()
		ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
		defer cancel()
		r.logError("remove containers of attempt", a.ID, r.remove(ctx, a))
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

// removeContainer ends and removes a container. It asks a daemon that is busy again.
func (r *Runner) removeContainer(ctx context.Context, id string) error {
	wait := backoff.Backoff{Min: 50 * time.Millisecond}
	for tries := 1; ; tries++ {
		_, err := r.daemon.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if err = ignoreGone(err); err == nil || tries == removeTries {
			return err
		}
		if backoff.Sleep(ctx, wait.Next()) != nil {
			return err
		}
	}
}

// removeTries is how often a daemon is asked to remove a container, over about 3 s.
const removeTries = 7

func (r *Runner) logError(what string, id runner.ID, err error) {
	if err != nil {
		r.log.Error(what, "attempt", id.String(), "error", err)
	}
}
