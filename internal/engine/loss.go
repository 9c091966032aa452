package engine

import (
	"fmt"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/backoff"
)

// maxLosses is how often an attempt may be placed again after its Pod or machine was lost, before
// the next loss is its end. Losses with the engine itself do not count, and a new process of the
// engine counts from zero.
const maxLosses = 10

// Messages about a task that was interrupted.
const (
	runsAgain = "The task was interrupted, because the engine, or the task's Pod or machine, stopped. It runs again, in the same attempt."
	// interrupted is the status of an attempt that fails because the engine stopped, and
	// disrupted of one whose Pod or machine was lost.
	interrupted = "The task was interrupted, because the engine or its machine stopped."
	disrupted   = "The task was interrupted, because its Pod or machine was lost."
)

// lose records that an attempt was lost: with an earlier process, or with the Pod or the
// machine that it ran on. It returns the next placement: of the same attempt or, if the
// loss fails the attempt, of the next one.
//
// Deviation: the job does not count that as a retry; Cloud Run does not lose an attempt
// in this way.
func (e *Engine) lose(t turn) (again *placement) {
	var retry, stopped bool
	end, newest := e.endingOfLoss(t), e.logs.Newest(t.active.execution.Uid)
	err := e.persist("record a lost attempt", t.active.id, func(tx *storeTx) (err error) {
		x := tx.edit(t.active)
		x.now = later(x.now, newest.UTC())
		if stopped = x.stop != notStopped; end != nil && !stopped {
			retry, err = x.failInterrupted(t.placement, *end)
		} else {
			retry, err = x.lose(t.placement)
		}
		if err != nil {
			return err
		}
		tx.OnEnd(func(committed bool) {
			switch {
			case !committed || stopped:
			case end != nil:
				e.tellEnd(t.active, attemptEnd{t.task, t.attempt, x.now, *end})
			default:
				e.tellInterruption(t.active, interruption{t.task, t.attempt, t.incarnation, x.now})
			}
		})
		x.judge()
		return x.save()
	})
	e.release(t, err)
	if err != nil {
		return nil
	}
	e.warnOfLoss(t, stopped, end != nil, retry)
	switch {
	case !retry:
		return nil
	case end != nil:
		return &placement{task: t.task, attempt: t.attempt + 1}
	}
	e.pauseAfterLoss(t)
	again = &placement{task: t.task, attempt: t.attempt, incarnation: t.incarnation + 1}
	if !t.resume {
		again.losses = t.losses + 1
	}
	return again
}

// endingOfLoss returns how a lost attempt ends, or nil if it runs again.
func (e *Engine) endingOfLoss(t turn) *ending {
	end := &ending{state: failed, code: runwith.Aborted, status: disrupted}
	switch {
	case t.resume && e.failInterrupted:
		end.status = interrupted
	case t.resume:
		return nil
	case t.losses >= maxLosses:
		end.status = fmt.Sprintf("The task was interrupted %d times in a row, because its Pod or machine was lost each time.", t.losses+1)
	case !e.failInterrupted:
		return nil
	}
	return end
}

// pauseAfterLoss waits before a task is placed again that was lost twice or more, because
// the cause may last, such as a machine that is being shut down. The task keeps its place
// meanwhile. The pause ends when the execution does, and when the engine closes.
func (e *Engine) pauseAfterLoss(t turn) {
	if t.resume || t.losses == 0 {
		return
	}
	pause := min(time.Second<<(t.losses-1), time.Minute)
	_ = backoff.Sleep(t.active.ctx, pause) // whoever ends it drops the placement
}

// warnOfLoss logs that a task was interrupted, and what becomes of it.
func (e *Engine) warnOfLoss(t turn, stopped, fails, retry bool) {
	why := "its Pod or machine was lost, or its runner cannot tell how it ended"
	if t.resume {
		why = "an earlier process of the engine stopped, or the task's Pod or machine was lost meanwhile"
	}
	next := "it runs again in the same attempt"
	switch {
	case stopped:
		next = "its execution is stopped"
	case fails && retry:
		next = "the attempt fails and is retried"
	case fails:
		next = "the task fails"
	}
	e.log.Warn("a running task was interrupted", "execution", t.active.execution.Name, "task", t.task, "attempt", t.attempt,
		"reason", why, "next", next)
}
