package engine

import (
	"context"
	"errors"

	"github.com/runwith/runwith/internal/backoff"
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

// recoverRunner ends the leftovers that the runner has. While the runner does not answer,
// its attempts are unknown, not lost: the engine opens without it and asks again.
func (e *Engine) recoverRunner(ctx context.Context) {
	err := e.endLeftovers(ctx)
	if err == nil {
		return
	}
	e.attempts.Go(func() {
		for retry := placeBackoff(); err != nil; err = e.endLeftovers(e.ctx) {
			wait := retry.Next()
			e.log.Warn("cannot tell yet what an earlier process left running", "error", err, "retry_in", wait)
			if backoff.Sleep(e.ctx, wait) != nil {
				return
			}
		}
		e.log.Info("every runner answers")
	})
}

// endLeftovers ends the attempts that belong to no running task. The runner lists first
// and the store is asked then, because a task is in state running before its attempt is
// placed: an attempt that ends in between is stopped to no effect.
func (e *Engine) endLeftovers(ctx context.Context) error {
	ids, err := e.runner.List(ctx)
	errs := []error{err}
	for _, id := range ids {
		var runs bool
		err := e.read(ctx, func(tx *storeTx) (err error) {
			runs, err = tx.runs(id)
			return err
		})
		if err == nil && !runs {
			e.log.Info("ending a leftover of an earlier process", "attempt", id.String())
			err = e.runner.Stop(ctx, id, e.grace)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
