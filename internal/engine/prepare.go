package engine

import (
	"errors"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/backoff"
)

// prepares reports whether the runner has work to do for an execution before its first
// task, as Cloud Run imports its images.
func (e *Engine) prepares(x *runpb.Execution) bool {
	return e.runner.Capabilities(x.Template).Prepares
}

// prepare lets the runner do that work, and then lets the scheduler place the tasks. An
// execution that cannot be prepared fails before it has any.
func (e *Engine) prepare(a *active) {
	e.attempts.Go(func() {
		err := e.tryPrepare(a)
		switch {
		case a.ctx.Err() != nil: // the execution is stopped, or the next start prepares it again
		case err != nil:
			e.log.Error("execution fails before its tasks", "execution", a.execution.Name, "error", err)
			e.failUnprepared(a, err)
		default:
			e.scheduler.add(a)
		}
	})
}

// tryPrepare tries again while the runner says that it may succeed.
func (e *Engine) tryPrepare(a *active) error {
	for retry := placeBackoff(); ; {
		err := e.runner.Prepare(a.ctx, a.execution.Template)
		if runwith.CodeOf(err) != runwith.Unavailable {
			return err
		}
		wait := retry.Next()
		e.log.Warn("execution cannot be prepared now", "execution", a.execution.Name, "error", err, "cause", errors.Unwrap(err), "retry_in", wait)
		if err := backoff.Sleep(a.ctx, wait); err != nil {
			return err
		}
	}
}

// failUnprepared ends an execution whose tasks cannot be placed. It has no tasks then, as
// on Cloud Run.
func (e *Engine) failUnprepared(a *active, why error) {
	// After an error, the execution is stopped, or the engine closes and the next start
	// fails it.
	_ = e.persist("fail an execution before its tasks", a.id, func(tx *storeTx) error {
		x := tx.edit(a)
		if err := x.dropTasks(); err != nil {
			return err
		}
		return x.failExecution(why.Error())
	})
}
