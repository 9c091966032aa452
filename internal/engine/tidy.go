package engine

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/runwith/runwith/internal/microtime"
)

const (
	// DefaultKeepExecutions is the number of ended executions that are kept of each job,
	// as on Cloud Run.
	DefaultKeepExecutions = 1000
	// deletedFor is how long lists can still show deleted items, and how long operations
	// are kept after they are done.
	//
	// Deviation: the time is ours; Cloud Run documents none.
	deletedFor = 30 * 24 * time.Hour

	tidyEvery = time.Hour
	// tidyPause collects several reasons to tidy up into one run.
	tidyPause = 2 * time.Second
	// tidyBatch is the maximum number of rows that one transaction removes, so that other
	// transactions do not wait long.
	tidyBatch = 100
)

// tidySoon asks tidyUp to run soon.
func (e *Engine) tidySoon() {
	select {
	case e.untidy <- struct{}{}:
	default: // it will be anyway
	}
}

// tidyUp tidies up every hour, and when it is asked to, until the engine closes.
func (e *Engine) tidyUp() {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for all := true; ; {
		if err := e.tidy(e.ctx, microtime.Of(time.Now()), all); err != nil && e.ctx.Err() == nil {
			e.log.Error("remove what is not kept", "error", err)
		}
		all = false
		select {
		case <-tick.C:
			all = true
		case <-e.untidy:
		case <-e.ctx.Done():
			return
		}
		select {
		case <-time.After(tidyPause):
		case <-e.ctx.Done():
			return
		}
	}
}

// tidy hides the executions of each job beyond those that are kept, and removes the output
// of hidden executions. With all, it also removes what was hidden long ago, which reads
// every execution.
func (e *Engine) tidy(ctx context.Context, now time.Time, all bool) error {
	if err := e.dropFiles(ctx); err != nil { // before any row is written, which needs room
		return err
	}
	steps := []func(*storeTx) (more bool, err error){
		func(tx *storeTx) (bool, error) { return tx.hideOld(e.keep, now) },
		e.dropOutput,
	}
	if all {
		steps = append(steps, func(tx *storeTx) (bool, error) { return tx.removeExpired(now.Add(-deletedFor)) })
	}
	for _, step := range steps {
		for more := true; more; {
			if err := e.write(ctx, func(tx *storeTx) (err error) {
				more, err = step(tx)
				return err
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropFiles removes the output of hidden executions that have ended, at most tidyBatch.
func (e *Engine) dropFiles(ctx context.Context) error {
	return e.read(ctx, func(tx *storeTx) error {
		hidden, err := tx.hiddenWithOutput(tidyBatch)
		if err != nil {
			return err
		}
		for _, row := range hidden {
			if err := e.logs.Delete(row.message.Uid); err != nil {
				return err
			}
		}
		return nil
	})
}

// dropOutput removes the output and the tasks of hidden executions that have ended. It
// removes the output first: after a crash in between, the next run finds the execution
// again.
//
// Deviation: Cloud Logging keeps the output of a deleted execution.
func (e *Engine) dropOutput(tx *storeTx) (more bool, err error) {
	hidden, err := tx.hiddenWithOutput(tidyBatch)
	if err != nil {
		return false, err
	}
	for _, row := range hidden {
		if err := e.logs.Delete(row.message.Uid); err != nil {
			return false, err
		}
		if err := tx.removeTasks(row.id); err != nil {
			return false, err
		}
	}
	return len(hidden) == tidyBatch, nil
}

// oldestOperation returns the lowest ID of an operation that was made at a time.
func oldestOperation(at time.Time) string {
	var id uuid.UUID
	millis := at.UnixMilli()
	for i := range 6 {
		id[i] = byte(millis >> (8 * (5 - i)))
	}
	return id.String()
}
