package engine

import (
	"context"
	"errors"
	"time"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/engine/runner"
)

// Why an attempt is ended by the engine.
var (
	errTimeout = errors.New("the task's timeout has passed")
	errStopped = errors.New("the execution is stopped")
	errClosing = errors.New("the engine is closing")
)

// launch runs one placement in a goroutine of its own, and then those that follow
// in its place. The scheduler calls it, and no more once it is closed.
func (e *Engine) launch(t turn) {
	e.attempts.Go(func() {
		for next := &t; next != nil; {
			next = e.attempt(*next)
		}
	})
}

// attempt takes one placement from claim to end, and returns the one that has its
// place then, if any.
func (e *Engine) attempt(t turn) (next *turn) {
	a := t.active
	if t.task == noTask {
		e.failWithoutTasks(a)
		e.gone(e.scheduler.done(a, nil, nil))
		return nil
	}
	if !t.claimed && !t.resume {
		claimed, err := e.claim(a.id, t.placement)
		if err != nil || !claimed { // closing, or stopped before its turn
			e.gone(e.scheduler.done(a, nil, nil))
			return nil
		}
		e.changes.Publish(a.id)
	}
	end, err := e.run(a.ctx, a, t.placement)
	var again *placement
	switch {
	case errors.Is(err, runner.ErrLost):
		again = e.lose(a, t.placement)
	case err == nil:
		again, next = e.finish(t, end)
	} // or else it is closing: the next start goes on with it
	e.gone(e.scheduler.done(a, again, next))
	return next
}

// gone tells of the end of a stopped execution, if there is one, of which nothing
// runs any more. What leaves it because the engine closes has not ended.
func (e *Engine) gone(idle *active) {
	if idle == nil || e.ctx.Err() != nil {
		return
	}
	e.ended(idle)
	e.changes.Publish(idle.id)
}

// claim marks a task as running, unless its execution was stopped meanwhile.
func (e *Engine) claim(execution int64, p placement) (claimed bool, err error) {
	err = e.persist("claim task", execution, func(tx *storeTx) error {
		claimed, err = tx.claimTask(execution, p, time.Now())
		return err
	})
	return claimed, err
}

// finish records an attempt's end and what follows from it: whether the task is
// attempted again, and which one has its place now. That one is claimed in the same
// commit.
func (e *Engine) finish(t turn, end ending) (again *placement, next *turn) {
	a := t.active
	var (
		after   transition
		claimed bool
		now     time.Time
	)
	newest := e.logs.Newest(a.execution.Uid) // an end stands behind the output, even if the clock was set back
	maxRetries := int(a.execution.Template.GetMaxRetries())
	next = e.scheduler.next(a)
	err := e.persist("record the end of an attempt", a.id, func(tx *storeTx) (err error) {
		now = later(time.Now(), newest)
		if after, err = tx.finishTask(a.id, t.placement, end, maxRetries, now); err == nil && next != nil {
			claimed, err = tx.claimTask(next.active.id, next.placement, now)
		}
		return err
	})
	if err == nil {
		e.tellEnd(a, attemptEnd{t.task, t.attempt, now, end})
		e.changed(a, after)
		if after.retry {
			again = &placement{task: t.task, attempt: t.attempt + 1}
		}
	}
	if err != nil || !claimed { // there is no next one, or it was stopped before its turn
		e.gone(e.scheduler.drop(next))
		return again, nil
	}
	next.claimed = true
	e.changes.Publish(next.active.id)
	return again, next
}

// changed tells of a transition that is on disk.
func (e *Engine) changed(a *active, to transition) {
	if x := to.execution; x.state.terminal() {
		x.message, a.last = a.execution, x
		e.ended(a)
	}
	e.changes.Publish(a.id)
}

// ended lets go of an execution that has come to its end.
func (e *Engine) ended(a *active) {
	e.scheduler.remove(a)
	e.logs.End(a.execution.Uid)
	e.tidySoon()
}

// lose records that an attempt died with an earlier process, so that it is placed
// once more.
//
// Deviation: it is the same attempt to the task, and no retry; Cloud Run does not
// lose one in this way.
func (e *Engine) lose(a *active, p placement) (again *placement) {
	var after transition
	err := e.persist("record a lost attempt", a.id, func(tx *storeTx) (err error) {
		after, err = tx.loseTask(a.id, p, time.Now())
		return err
	})
	if err != nil {
		return nil
	}
	e.log.Info("attempt was lost with an earlier process", "execution", a.execution.Name, "task", p.task, "attempt", p.attempt)
	e.changed(a, after)
	if after.retry {
		return &placement{task: p.task, attempt: p.attempt, incarnation: p.incarnation + 1}
	}
	return nil
}

// persist writes a transition that has happened in the world and so must get to
// disk: while the disk refuses, it tries again, until the engine closes.
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
