package engine

import (
	"context"
	"time"

	"github.com/google/uuid"
)

const (
	// DefaultKeepExecutions is how many executions of a job are kept that have
	// ended, as on Cloud Run.
	DefaultKeepExecutions = 1000
	// deletedFor is how long what was deleted can still be listed, and how long
	// operations that are done are kept.
	//
	// Deviation: the time is ours, Cloud Run documents none.
	deletedFor = 30 * 24 * time.Hour

	tidyEvery = time.Hour
	// tidyPause lets many small reasons to tidy up become one.
	tidyPause = 2 * time.Second
	// tidyBatch bounds how much one transaction removes, so that no other waits
	// for long.
	tidyBatch = 100
)

// tidySoon has what is not kept removed, some time after.
func (e *Engine) tidySoon() {
	select {
	case e.untidy <- struct{}{}:
	default: // it will be anyway
	}
}

// tidyUp removes what is not kept, from time to time, until the engine closes.
func (e *Engine) tidyUp() {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for all := true; ; {
		if err := e.tidy(e.ctx, time.Now(), all); err != nil && e.ctx.Err() == nil {
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

// tidy hides the executions beyond those that are kept of each job, takes the
// output of what is hidden, and, with all, removes what has been hidden for long,
// which looks at everything.
func (e *Engine) tidy(ctx context.Context, now time.Time, all bool) error {
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

// dropOutput removes the output and the tasks of executions that are hidden and
// have ended. The output goes first, so that a crash between leaves it to be
// removed again.
//
// Deviation: Cloud Logging keeps what the tasks of a deleted execution printed.
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

// oldestOperation is the ID of an operation made at a time, or before any.
func oldestOperation(at time.Time) string {
	var id uuid.UUID
	millis := at.UnixMilli()
	for i := range 6 {
		id[i] = byte(millis >> (8 * (5 - i)))
	}
	return id.String()
}
