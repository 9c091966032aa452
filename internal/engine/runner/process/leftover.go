//go:build linux || darwin

package process

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/engine/runner"
)

// process identifies a living process. The pair is unique during a boot; a process ID
// alone is not.
type process struct {
	pid   int
	start uint64
}

// alive reports whether the very same process still runs.
func (p process) alive() bool {
	now, dead, err := lookProcess(p.pid)
	return err == nil && !dead && now == p
}

// signal sends a signal to this process, and to no other if it has ended. It takes a
// handle, a pidfd on Linux, before it compares the start time: after that the handle
// cannot mean another process.
func (p process) signal(signal syscall.Signal) error {
	handle, err := os.FindProcess(p.pid)
	if err != nil {
		return err
	}
	defer handle.Release()
	if !p.alive() {
		return nil
	}
	err = handle.Signal(signal)
	if err == nil || errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return fmt.Errorf("signal process %d: %w", p.pid, err)
}

// leftover is what an earlier server recorded of an attempt.
type leftover struct {
	slot   int     // -1 if the server died before it wrote a record
	leader process // the zero value, which is never alive, if there is none
}

// leftovers returns the attempts that have living processes.
func (r *Runner) leftovers(records map[int]record) (map[runner.ID]leftover, error) {
	found, err := r.marked()
	if err != nil {
		return nil, fmt.Errorf("look for processes of earlier attempts: %w", err)
	}
	left := make(map[runner.ID]leftover)
	for value := range maps.Values(found) {
		if id, ok := r.marker.id(value); ok {
			left[id] = leftover{slot: -1}
		}
	}
	for slot, rec := range records {
		id, err := runner.ParseID(rec.ID)
		if err != nil {
			continue
		}
		var leader process
		if rec.Boot == r.boot { // process IDs start again at each boot
			leader = process{pid: rec.PID, start: rec.Start}
		}
		if _, ok := left[id]; ok || leader.alive() {
			left[id] = leftover{slot: slot, leader: leader}
		}
	}
	return left, nil
}

// marked returns the living processes with a marker of this folder, and their markers. Looking
// for them takes milliseconds.
func (r *Runner) marked() (map[process]string, error) {
	if r.unused.Load() {
		return nil, nil
	}
	return marked(string(r.marker))
}

// endLeftover ends the processes that an earlier server left of an attempt, with SIGKILL
// at once if the grace is zero, and then forgets the attempt. It does so for an unknown
// ID too, by the marker alone.
func (r *Runner) endLeftover(ctx context.Context, id runner.ID, grace time.Duration) error {
	left := leftover{slot: -1}
	a, known := r.attempts.Find(id)
	if known = known && a.left != nil; known {
		left = *a.left
	}
	find := func() ([]process, error) { return r.processes(id, left.leader) }
	if grace > 0 {
		if err := askToEnd(ctx, find, grace); err != nil {
			return err
		}
	}
	if err := signalUntilGone(ctx, find, unix.SIGKILL); err != nil {
		return err
	}
	if !known || !a.claimEnd() {
		return nil
	}
	r.attempts.Forget(a)
	a.End(runner.Result{}, runner.ErrLost)
	if left.slot >= 0 {
		r.logError("release the slot of an attempt", id, r.slots.release(left.slot))
	}
	return nil
}

// claimEnd reports, to one caller only, that the attempt's slot is to be released.
func (a *attempt) claimEnd() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	was := a.reaped
	a.reaped = true
	return !was
}

// killMarked kills the processes with an attempt's marker.
func (r *Runner) killMarked(ctx context.Context, id runner.ID) error {
	return signalUntilGone(ctx, func() ([]process, error) { return r.processes(id, process{}) }, unix.SIGKILL)
}

// processes returns the living processes of an attempt: those with its marker, and,
// while its leader lives, the leader's group.
func (r *Runner) processes(id runner.ID, leader process) ([]process, error) {
	value := r.marker.value(id)
	found, err := marked(value)
	if err != nil {
		return nil, fmt.Errorf("look for processes of attempt: %w", err)
	}
	// One ID may be the prefix of another: keep exact matches.
	maps.DeleteFunc(found, func(_ process, v string) bool { return v != value })
	all := slices.Collect(maps.Keys(found))
	if !leader.alive() {
		return all, nil
	}
	group, err := members(leader.pid)
	if err != nil {
		return nil, fmt.Errorf("look for process group of attempt: %w", err)
	}
	// The group's ID is the leader's while the leader lives, so check before and after.
	if leader.alive() {
		all = append(all, group...)
	}
	return all, nil
}

// askToEnd sends SIGTERM to the found processes, and waits until they are gone or the
// grace ends.
func askToEnd(ctx context.Context, find func() ([]process, error), grace time.Duration) error {
	found, err := find()
	if err != nil {
		return err
	}
	if err := signalAll(found, unix.SIGTERM); err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	err = signalUntilGone(within, find, 0) // signal 0 only checks
	if within.Err() != nil {
		return ctx.Err()
	}
	return err
}

// signalUntilGone signals the found processes until there are none: one of them may have
// forked a moment before.
func signalUntilGone(ctx context.Context, find func() ([]process, error), signal syscall.Signal) error {
	for pause := (backoff.Backoff{Min: time.Millisecond, Max: 50 * time.Millisecond}); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		found, err := find()
		if err != nil || len(found) == 0 {
			return err
		}
		if err := signalAll(found, signal); err != nil {
			return err
		}
		_ = backoff.Sleep(ctx, pause.Next())
	}
}

func signalAll(processes []process, signal syscall.Signal) error {
	var errs []error
	for _, p := range processes {
		errs = append(errs, p.signal(signal))
	}
	return errors.Join(errs...)
}
