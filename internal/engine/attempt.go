package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/engine/runner"
)

// This file follows one task from its queue to its end:
//
//	waits    in the scheduler, until a place is free and it is its execution's turn
//	launch   the scheduler gives it the place
//	claim    pending becomes running on disk, unless a commit before did that
//	run      a runner runs the attempt; see placing.go
//	finish   its end goes to disk, in one commit with the claim of its successor:
//	         the task that gets the place
//	leave    the scheduler queues the task again if it is to be retried, and frees the
//	         place if there is no successor
//
// After each commit, [Engine.follow] shows the change to clients, stops the tasks of an
// execution that was stopped, and releases an execution that has ended.

// Why the engine ends an attempt.
var (
	errTimeout = errors.New("the task's timeout has passed")
	errStopped = errors.New("the execution is stopped")
	errClosing = errors.New("the engine is closing")
	errLeft    = fmt.Errorf("%w and leaves the attempt, which its runner has not stopped", errClosing)
)

// launch runs one placement, and then its successors in the same place. The scheduler
// calls it, but not once it is closed.
func (e *Engine) launch(t turn) {
	e.attempts.Go(func() {
		for next := &t; next != nil; {
			next = e.attempt(*next)
		}
	})
}

// attempt takes one placement from its claim to its end, and returns its successor, if
// there is one.
func (e *Engine) attempt(t turn) (successor *turn) {
	if t.task == noTask {
		e.failWithoutTasks(t.active)
		e.scheduler.leave(t.active, nil, nil)
		return nil
	}
	if !t.claimed && !t.resume && !e.claim(t) {
		e.scheduler.leave(t.active, nil, nil)
		return nil
	}
	again, successor := e.runToEnd(t)
	e.scheduler.leave(t.active, again, successor)
	return successor
}

// claim marks a task as running on disk. It returns false if its execution was stopped
// before, or the engine closes.
func (e *Engine) claim(t turn) (claimed bool) {
	err := e.persist("claim task", t.active.id, func(tx *storeTx) (err error) {
		x := tx.edit(t.active)
		if claimed, err = x.claim(t.placement); err != nil || !claimed {
			return err
		}
		return x.save()
	})
	return claimed && err == nil
}

// runToEnd runs an attempt and records its end. It returns the placement of the retry and
// the successor; either may be nil.
func (e *Engine) runToEnd(t turn) (again *placement, successor *turn) {
	a := t.active
	end, err := e.run(a.ctx, a, t.placement)
	switch {
	case errors.Is(err, runner.ErrLost):
		return e.lose(t), nil
	case err != nil: // the engine closes, and the next start goes on with the attempt
		return nil, nil
	}
	return e.finish(t, end)
}

// finish records the end of an attempt and what follows from it: whether the task is
// tried again, and which task gets its place. That one is claimed in the same commit.
func (e *Engine) finish(t turn, end ending) (again *placement, successor *turn) {
	var retry, claimed bool
	newest := e.logs.Newest(t.active.execution.Uid) // an end comes after the output, even if the clock was set back
	successor = e.scheduler.successor(t.active)
	err := e.persist("record the end of an attempt", t.active.id, func(tx *storeTx) (err error) {
		x := tx.edit(t.active)
		x.now = later(x.now, newest.UTC())
		if retry, err = x.finish(t.placement, end); err != nil {
			return err
		}
		tx.OnEnd(func(committed bool) {
			if committed {
				e.tellEnd(t.active, attemptEnd{t.task, t.attempt, x.now, end})
			}
		})
		claimed, err = tx.finishAndClaim(x, successor)
		return err
	})
	e.release(t, err)
	if err == nil && retry {
		again = &placement{task: t.task, attempt: t.attempt + 1}
	}
	if err != nil || !claimed {
		e.scheduler.putBack(successor)
		return again, nil
	}
	successor.claimed = true
	return again, successor
}

// release tells the runner that the end of an attempt is on disk, if recording it brought
// no error or somebody else had recorded it.
func (e *Engine) release(t turn, recorded error) {
	if recorded == nil || errors.Is(recorded, errStale) {
		e.runner.Release(attemptID(t.active, t.placement))
	}
}

// finishAndClaim saves the end of a task, and claims its successor, if there is one. Two
// tasks of one execution share a write of its row.
func (tx *storeTx) finishAndClaim(x *edit, successor *turn) (claimed bool, err error) {
	if successor != nil && successor.active == x.a {
		claimed, err = x.claim(successor.placement)
	}
	if err != nil {
		return false, err
	}
	x.judge()
	if err := x.save(); err != nil || successor == nil || successor.active == x.a {
		return claimed, err
	}
	next := tx.edit(successor.active)
	if claimed, err = next.claim(successor.placement); err != nil || !claimed {
		return false, err
	}
	return true, next.save()
}

// persist writes a transition that has happened in the world and so must get to disk:
// while the disk refuses, persist tries again, until the engine closes.
func (e *Engine) persist(what string, execution int64, f func(*storeTx) error) error {
	retry := backoff.Backoff{Min: 10 * time.Millisecond, Max: 5 * time.Second}
	for {
		err := e.write(context.Background(), f)
		if err == nil || errors.Is(err, errStale) {
			return err
		}
		wait := retry.Next()
		e.log.Error(what, "execution", execution, "error", err, "retry_in", wait)
		if backoff.Sleep(e.ctx, wait) != nil {
			return err
		}
	}
}
