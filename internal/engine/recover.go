package engine

import (
	"context"
	"sync"
	"time"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/engine/runner"
)

// recover goes on with the executions that an earlier process left unfinished.
//
// That process placed the tasks in state running. The runner adopts their attempts, or
// ends what is left of them and reports them as lost. The engine ends every other attempt
// that the runner still has.
func (e *Engine) recover(ctx context.Context) error {
	unfinished, err := e.unfinished(ctx)
	if err != nil {
		return err
	}
	placed := 0
	for _, a := range unfinished {
		placed += len(a.resumed())
	}
	e.recoverRunner(ctx)
	// The tasks that were placed before come first, all of them: they may be running.
	e.scheduler.occupy(placed)
	for _, a := range unfinished {
		resumed := a.resumed()
		a.again, a.running = a.again[len(resumed):], len(resumed)
		e.live.add(a)
		row := a.row
		a.set(versionOf(&row), nil)
		if a.row.deleted.IsZero() {
			e.live.show(a)
		}
		if !a.begun && !a.stopped() && e.prepares(a.execution) {
			e.prepare(a)
			continue
		}
		e.scheduler.add(a, resumed...)
	}
	return nil
}

// resumed returns the placements that an earlier process began, which come first.
func (a *active) resumed() []placement {
	n := 0
	for n < len(a.again) && a.again[n].resume {
		n++
	}
	return a.again[:n]
}

// unfinished reads the executions that have not ended, and the tasks that they wait for.
func (e *Engine) unfinished(ctx context.Context) (all []*active, err error) {
	err = e.read(ctx, func(tx *storeTx) error {
		rows, err := tx.unfinished()
		if err != nil {
			return err
		}
		for _, row := range rows {
			tasks, err := tx.tasksNow(row)
			if err != nil {
				return err
			}
			a := e.activate(row, tasks)
			if a.again, err = tx.placements(row.id); err != nil {
				return err
			}
			if row.counts.tasks == 0 {
				a.wait(0)
			}
			a.begun = !row.started.IsZero() || row.counts.tasks == 0
			if row.stop != notStopped {
				a.cancel(errStopped)
			}
			all = append(all, a)
		}
		return nil
	})
	return all, err
}

// recoverRunner ends the leftovers that the runner has, and waits until they have ended. It
// does not wait for longer than a task may take to end: a machine that does not answer
// holds up nothing else.
//
// While the runner does not answer, its attempts are unknown, not lost: the engine opens
// without it and asks again.
func (e *Engine) recoverRunner(ctx context.Context) {
	known := make(map[runner.ID]bool)
	ended, err := e.endLeftovers(ctx, known)
	timer := time.NewTimer(e.grace + closePatience)
	defer timer.Stop()
	select {
	case <-ended:
	case <-ctx.Done():
	case <-timer.C:
		e.log.Warn("leftovers of an earlier process have not ended yet; the engine goes on without waiting for them")
	}
	if err == nil {
		return
	}
	e.attempts.Go(func() {
		for retry := placeBackoff(); err != nil; _, err = e.endLeftovers(e.ctx, known) {
			wait := retry.Next()
			e.log.Warn("cannot tell yet what an earlier process left running", "error", err, "retry_in", wait)
			if backoff.Sleep(e.ctx, wait) != nil {
				return
			}
		}
		e.log.Info("every runner answers")
	})
}

// endLeftovers begins to end the attempts that the runner lists and that are not known yet,
// and makes them known. ended is closed when all of them have ended.
func (e *Engine) endLeftovers(ctx context.Context, known map[runner.ID]bool) (ended <-chan struct{}, err error) {
	ids, err := e.runner.List(ctx)
	var each sync.WaitGroup
	for _, id := range ids {
		if !known[id] {
			known[id] = true
			each.Go(func() { e.endLeftover(id) })
		}
	}
	all := make(chan struct{})
	e.attempts.Go(func() {
		each.Wait()
		close(all)
	})
	return all, err
}

// endLeftover ends an attempt that belongs to no running task. It tries again until the
// attempt has ended, or the engine closes.
func (e *Engine) endLeftover(id runner.ID) {
	for retry := placeBackoff(); ; {
		err := e.stopUnlessItRuns(id)
		if err == nil {
			return
		}
		wait := retry.Next()
		e.log.Warn("end a leftover of an earlier process", "attempt", id.String(), "error", err, "retry_in", wait)
		if backoff.Sleep(e.ctx, wait) != nil {
			return
		}
	}
}

// stopUnlessItRuns stops an attempt unless it belongs to a running task. The store is asked
// after the runner has listed the attempt, because a task is in state running before its
// attempt is placed: an attempt that ends in between is stopped to no effect.
func (e *Engine) stopUnlessItRuns(id runner.ID) error {
	var runs bool
	err := e.read(e.ctx, func(tx *storeTx) (err error) {
		runs, err = tx.runs(id)
		return err
	})
	if err != nil || runs {
		return err
	}
	e.log.Info("ending a leftover of an earlier process", "attempt", id.String())
	return e.runner.Stop(e.ctx, id, e.grace)
}
