package engine

import (
	"context"
	"fmt"

	"github.com/runwith/runwith/internal/engine/runner"
)

// recover goes on with the executions that an earlier process left unfinished.
//
// A task in state running was placed by that process: the runner adopts the
// attempt, or ends what is left of it and says that it is lost. What the runner
// still has and no such task accounts for is a leftover, and ended.
func (e *Engine) recover(ctx context.Context) error {
	unfinished, err := e.unfinished(ctx)
	if err != nil {
		return err
	}
	known, placed := map[runner.ID]bool{}, 0
	for _, a := range unfinished {
		for _, p := range a.resumed() {
			known[attemptID(a, p)] = true
			placed++
		}
	}
	if err := e.endLeftovers(ctx, known); err != nil {
		return err
	}
	// What was placed before comes first, all of it: it may be running.
	e.scheduler.occupy(placed)
	for _, a := range unfinished {
		resumed := a.resumed()
		a.ready = a.ready[len(resumed):]
		e.scheduler.register(a, len(resumed))
		if !a.begun && !a.stopped() && e.prepares(a.execution) {
			e.prepare(a)
			continue
		}
		e.scheduler.add(a, resumed...)
	}
	return nil
}

// resumed are the placements that an earlier process began, which stand first.
func (a *active) resumed() []placement {
	n := 0
	for n < len(a.ready) && a.ready[n].resume {
		n++
	}
	return a.ready[:n]
}

// unfinished reads the executions that have not ended, and what they wait for.
func (e *Engine) unfinished(ctx context.Context) (all []*active, err error) {
	err = e.read(ctx, func(tx *storeTx) error {
		rows, err := tx.unfinished()
		if err != nil {
			return err
		}
		for _, row := range rows {
			ready, err := tx.placements(row.id)
			if err != nil {
				return err
			}
			if row.counts.tasks == 0 {
				ready = firstPlacements(0, 0)
			}
			a := e.activate(row.id, row.message, ready)
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

func (e *Engine) endLeftovers(ctx context.Context, known map[runner.ID]bool) error {
	left, err := e.runner.List(ctx)
	if err != nil {
		return fmt.Errorf("list what is left of an earlier process: %w", err)
	}
	for _, id := range left {
		if known[id] {
			continue
		}
		e.log.Info("ending a leftover of an earlier process", "attempt", id.String())
		if err := e.runner.Stop(ctx, id, e.grace); err != nil {
			return fmt.Errorf("end leftover %s: %w", id, err)
		}
	}
	return nil
}
