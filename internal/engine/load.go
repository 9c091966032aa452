package engine

import (
	"context"

	"github.com/runwith/runwith"
)

// Ready returns why the engine takes no new work: UNAVAILABLE if its store cannot be read,
// RESOURCE_EXHAUSTED if its disk is almost full.
func (e *Engine) Ready(ctx context.Context) error {
	if err := e.room(); err != nil {
		return err
	}
	if _, err := e.Load(ctx); err != nil {
		return &runwith.Error{Code: runwith.Unavailable, Message: "the engine's store cannot be read", Err: err}
	}
	return nil
}

// Load is the work of an engine, by state.
type Load struct {
	Executions struct{ Pending, Running int }
	Tasks      struct{ Waiting, Running int }
}

// Load counts the executions that have not ended, and their tasks.
func (e *Engine) Load(ctx context.Context) (l Load, err error) {
	err = e.read(ctx, func(tx *storeTx) error {
		row := tx.QueryRow(`SELECT coalesce(sum(` + isPending + `), 0), coalesce(sum(` + isRunning + `), 0),
			coalesce(sum(tasks - running - succeeded - failed - cancelled), 0), coalesce(sum(running), 0)
			FROM executions WHERE ` + isLive)
		return row.Scan(&l.Executions.Pending, &l.Executions.Running, &l.Tasks.Waiting, &l.Tasks.Running)
	})
	return l, err
}
