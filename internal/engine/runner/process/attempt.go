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

// attempt is a process group that this Runner started, or the leftover of one that an
// earlier server started. Its process ID is that of the group, and stays reserved until
// the main process is reaped: it may be signalled only until then.
type attempt struct {
	*runner.Attempt
	left   *leftover     // nil if this Runner started it
	exited chan struct{} // closed when the main process has exited
	slot   int
	pid    int

	mu     sync.Mutex
	reaped bool
}

func newAttempt(id runner.ID) *attempt {
	return &attempt{Attempt: runner.NewAttempt(id), exited: make(chan struct{})}
}

// launch places the attempt. On an error nothing runs and nothing is left.
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
	r.unused.Store(false)
	before := bootTicks()
	a.pid, err = command.fork(r.devNull.Fd(), pipes)
	pipes.closeWriters()
	if err == nil {
		err = r.record(a, before)
	}
	if err != nil {
		pipes.closeReaders()
		return err
	}
	a.Runs(time.Now())
	pipes.copy()
	go r.supervise(a, pipes)
	return nil
}

// record writes the record by which the next server finds the attempt, whose process was
// forked after the clock showed before. If that fails, it kills the attempt.
func (r *Runner) record(a *attempt, before uint64) error {
	p, err := r.started(a.pid, before)
	if err == nil {
		err = r.slots.write(a.slot, record{ID: a.ID.String(), Boot: r.boot, PID: p.pid, Start: p.start})
	}
	if err != nil {
		_ = unix.Kill(-a.pid, unix.SIGKILL)
		a.reap()
		return unavailable("record the task's process", err)
	}
	return nil
}

// started returns the process that was just forked. Its start time is the clock's if the
// clock has not ticked since before the fork: to read /proc costs a tenth of an attempt.
// The clock is trusted once it has agreed with /proc.
func (r *Runner) started(pid int, before uint64) (process, error) {
	after := bootTicks()
	known := before == after && before != 0
	if known && r.clockAgrees.Load() {
		return process{pid: pid, start: after}, nil
	}
	p, _, err := lookProcess(pid)
	if known && err == nil {
		r.clockAgrees.Store(p.start == after)
	}
	return p, err
}

// unavailable hides an error of the machine, whose text names the server's folders.
func unavailable(what string, err error) error {
	return &runwith.Error{
		Code:    runwith.Unavailable,
		Message: "the server could not " + what + "; its log says why",
		Err:     fmt.Errorf("%s: %w", what, err),
	}
}

// supervise waits for the attempt's end, and cleans up after it.
func (r *Runner) supervise(a *attempt, pipes *pipes) {
	// After an error, the process may still run: endGroup kills it with the rest of its group.
	r.logError("wait for process", a.ID, awaitExit(a.pid))
	close(a.exited)
	result := a.endGroup()
	pipes.drain(func() { r.killHolders(a.ID) })
	r.logError("write output of attempt", a.ID, pipes.err())
	defer r.slots.hold()() // Close does not wait for an attempt that has ended
	a.End(result, nil)
	r.release(a) // nobody waits for that
	r.sweeper.add(a.ID)
}

// killHolders kills processes that left the group and still hold the attempt's pipes.
func (r *Runner) killHolders(id runner.ID) {
	ctx, cancel := context.WithTimeout(context.Background(), sweepPause)
	defer cancel()
	r.logError("kill processes that left the group of an attempt", id, r.killMarked(ctx, id))
}

func (r *Runner) release(a *attempt) {
	r.logError("release the slot of an attempt", a.ID, r.slots.release(a.slot))
}

func (r *Runner) logError(what string, id runner.ID, err error) {
	if err != nil {
		r.log.Error(what, "attempt", id.String(), "error", err)
	}
}

// endGroup kills the rest of the group, whose main process has exited, and reaps that
// process.
func (a *attempt) endGroup() runner.Result {
	a.mu.Lock()
	defer a.mu.Unlock()
	_ = unix.Kill(-a.pid, unix.SIGKILL) // fails if the group is empty
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

// stop sends SIGTERM to the group and SIGKILL after the grace, and waits for the end.
//
// Deviation: the whole group gets SIGTERM; in a container only the main process does.
func (a *attempt) stop(ctx context.Context, grace time.Duration) error {
	a.signal(unix.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	for {
		select {
		case <-a.Done():
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
