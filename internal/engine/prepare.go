package engine

import (
	"context"
	"errors"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
)

// prepares reports whether something is to be done for an execution before it has a
// task, as Cloud Run imports its images.
func (e *Engine) prepares(x *runpb.Execution) bool {
	p, ok := e.runner.(runner.Preparer)
	return ok && p.Prepares(x.Template)
}

// prepare does it, and then has the scheduler place the tasks. An execution that
// cannot be prepared fails before it has any.
func (e *Engine) prepare(a *active) {
	e.attempts.Go(func() {
		err := e.tryPrepare(a)
		switch {
		case a.ctx.Err() != nil: // stopped, or the next start goes on with it
		case err != nil:
			e.log.Error("execution fails before its tasks", "execution", a.execution.Name, "error", err)
			e.failUnprepared(a, err)
		default:
			e.scheduler.add(a)
		}
	})
}

// tryPrepare tries again as long as the runner says that it may succeed.
func (e *Engine) tryPrepare(a *active) error {
	p, _ := e.runner.(runner.Preparer)
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := p.Prepare(a.ctx, a.execution.Template)
		if runwith.CodeOf(err) != runwith.Unavailable {
			return err
		}
		e.log.Warn("execution cannot be prepared now", "execution", a.execution.Name, "error", err, "cause", errors.Unwrap(err), "retry_in", wait)
		select {
		case <-time.After(wait):
		case <-a.ctx.Done():
			return context.Cause(a.ctx)
		}
	}
}

// failUnprepared ends an execution whose tasks cannot be placed: it has none then, as
// on Cloud Run.
func (e *Engine) failUnprepared(a *active, why error) {
	err := e.persist("fail an execution before its tasks", a.id, func(tx *storeTx) error {
		if err := tx.withoutTasks(a.id); err != nil {
			return err
		}
		return tx.failExecution(a.id, why.Error(), time.Now())
	})
	if err != nil {
		return // it was stopped, or closing: the next start goes on with it
	}
	e.ended(a)
	e.changes.Publish(a.id)
}
