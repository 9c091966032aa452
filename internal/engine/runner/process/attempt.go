//go:build linux || darwin

package process

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
)

// attempt is a process group that this Runner started. Its process ID is that
// of the group, and stays reserved until the main process is reaped: only until
// then may it be signalled.
type attempt struct {
	id      runner.ID
	started chan struct{} // closed when err is set or the attempt runs
	exited  chan struct{} // closed when the main process has exited
	done    chan struct{} // closed when all output is written and result is set
	err     error         // why it could not be placed
	result  runner.Result
	slot    int
	pid     int

	mu     sync.Mutex
	reaped bool
}

func newAttempt(id runner.ID) *attempt {
	return &attempt{
		id:      id,
		started: make(chan struct{}),
		exited:  make(chan struct{}),
		done:    make(chan struct{}),
	}
}

// placed waits until the attempt runs and returns why it does not.
func (a *attempt) placed(ctx context.Context) error {
	select {
	case <-a.started:
		return a.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// launch places the attempt: on an error nothing runs and nothing is left.
func (r *Runner) launch(a *attempt, spec runner.Spec, out runner.Output) (err error) {
	if err := r.config.check(spec.Template); err != nil {
		return err
	}
	slot, home, err := r.slots.claim()
	if err != nil {
		return unavailable("make the task's home folder", err)
	}
	a.slot = slot
	defer func() {
		if err != nil {
			r.release(a)
		}
	}()
	command, err := r.command(spec, home)
	if err != nil {
		return err
	}
	pipes, err := openPipes(out, &r.buffers)
	if err != nil {
		return unavailable("open the task's pipes", err)
	}
	a.pid, err = command.fork(r.devNull.Fd(), pipes)
	pipes.closeWriters()
	if err == nil {
		err = r.record(a)
	}
	if err != nil {
		pipes.closeReaders()
		return err
	}
	pipes.copy()
	go r.supervise(a, pipes)
	return nil
}

// record writes down what the next server needs to find the attempt. An attempt
// that cannot be written down is killed.
func (r *Runner) record(a *attempt) error {
	p, _, err := lookProcess(a.pid)
	if err == nil {
		err = r.slots.write(a.slot, record{ID: a.id.String(), Boot: r.boot, PID: p.pid, Start: p.start})
	}
	if err != nil {
		_ = unix.Kill(-a.pid, unix.SIGKILL)
		a.reap()
		return unavailable("record the task's process", err)
	}
	return nil
}

// unavailable hides a fault of the machine, whose text has the server's folders
// in it.
func unavailable(what string, err error) error {
	return &runwith.Error{
		Code:    runwith.Unavailable,
		Message: "the server could not " + what + "; its log says why",
		Err:     fmt.Errorf("%s: %w", what, err),
	}
}

// supervise sees an attempt to its end.
func (r *Runner) supervise(a *attempt, pipes *pipes) {
	// Without it reaping waits, and what is left of the group is not killed.
	r.logError("wait for process", a.id, awaitExit(a.pid))
	close(a.exited)
	a.result = a.endGroup()
	pipes.drain(func() { r.killHolders(a.id) })
	r.logError("write output of attempt", a.id, pipes.err())
	r.release(a)
	close(a.done)
	r.sweeper.add(a.id)
}

// killHolders ends what has left the group and still holds the attempt's pipes.
func (r *Runner) killHolders(id runner.ID) {
	ctx, cancel := context.WithTimeout(context.Background(), sweepPause)
	defer cancel()
	r.logError("end what left the group of an attempt", id, r.killMarked(ctx, id))
}

func (r *Runner) release(a *attempt) {
	r.logError("remove what was made for an attempt", a.id, r.slots.release(a.slot))
}

func (r *Runner) logError(what string, id runner.ID, err error) {
	if err != nil {
		r.log.Error(what, "attempt", id.String(), "error", err)
	}
}

// endGroup kills what is left of the group of a main process that has exited,
// and reaps it.
func (a *attempt) endGroup() runner.Result {
	a.mu.Lock()
	defer a.mu.Unlock()
	_ = unix.Kill(-a.pid, unix.SIGKILL) // that nobody is left is no error
	a.reaped = true
	return a.reap()
}

func (a *attempt) reap() runner.Result {
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(a.pid, &status, 0, nil)
		if err != syscall.EINTR {
			break
		}
	}
	if status.Signaled() {
		return runner.Result{Signal: int(status.Signal())}
	}
	return runner.Result{ExitCode: status.ExitStatus()}
}

// stop sends SIGTERM to the group and SIGKILL after the grace, and waits for the
// end.
//
// Deviation: in a container the main process alone gets SIGTERM.
func (a *attempt) stop(ctx context.Context, grace time.Duration) error {
	a.signal(unix.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	for {
		select {
		case <-a.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			a.signal(unix.SIGKILL)
		}
	}
}

func (a *attempt) signal(signal syscall.Signal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.reaped {
		_ = unix.Kill(-a.pid, signal)
	}
}
