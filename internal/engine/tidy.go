package engine

import (
	"context"
	"errors"
	"slices"
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
	// tidyBatch is the maximum number of executions, or operations, that one transaction
	// removes, so that other transactions do not wait long. One that removes tasks ends with the
	// execution that has the last of tidyTasks.
	tidyBatch, tidyTasks = 100, 1000
	// tidyRead is the maximum number of executions that are looked for at once. Each time, those
	// that a job keeps are read as well.
	tidyRead = 10 * tidyBatch
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
// of hidden executions. If all is true, it also removes executions that were hidden longer ago than deletedFor.
//
// A step costs as much as it removes, however many hidden executions there are.
func (e *Engine) tidy(ctx context.Context, now time.Time, all bool) error {
	if err := e.dropOutput(ctx); err != nil { // before any row is written, which needs room
		return err
	}
	if err := errors.Join(e.hideOld(ctx, now), e.dropOutput(ctx)); err != nil || !all {
		return err
	}
	// A minute more, because the operation of a deletion is made just after it. Operations go
	// first, because one without its execution could not be shown.
	before := now.Add(-deletedFor)
	err := e.inBatches(ctx, func(tx *storeTx) (bool, error) { return tx.removeOperations(before.Add(time.Minute)) })
	if err != nil {
		return err
	}
	return e.inBatches(ctx, func(tx *storeTx) (bool, error) { return tx.removeExpired(before) })
}

// hideOld hides ended executions beyond the newest keep of each job. It looks for them outside the
// transactions that write, so that these are short. If one of the newest is deleted meanwhile, the
// job keeps one less.
func (e *Engine) hideOld(ctx context.Context, now time.Time) error {
	for {
		var old []int64
		if err := e.read(ctx, func(tx *storeTx) (err error) {
			old, err = tx.old(e.keep, tidyRead)
			return err
		}); err != nil {
			return err
		}
		for batch := range slices.Chunk(old, tidyBatch) {
			if err := e.write(ctx, func(tx *storeTx) error { return tx.hide(batch, now) }); err != nil {
				return err
			}
		}
		if len(old) < tidyRead {
			return nil
		}
	}
}

// inBatches writes in one transaction after the other, while there is more to write.
func (e *Engine) inBatches(ctx context.Context, batch func(*storeTx) (more bool, err error)) error {
	for more := true; more; {
		if err := e.write(ctx, func(tx *storeTx) (err error) {
			more, err = batch(tx)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// dropOutput removes the output and the tasks of hidden executions that have ended. It
// removes the output first: after a crash in between, the next run finds the execution
// again.
//
// Deviation: Cloud Logging keeps the output of a deleted execution.
func (e *Engine) dropOutput(ctx context.Context) error {
	for {
		var hidden []*executionRow
		if err := e.read(ctx, func(tx *storeTx) (err error) {
			hidden, err = tx.hiddenWithOutput(tidyBatch)
			return err
		}); err != nil || len(hidden) == 0 {
			return err
		}
		var ids []int64
		tasks := 0
		for _, row := range hidden {
			if err := e.logs.Delete(row.message.Uid); err != nil {
				return err
			}
			ids = append(ids, row.id)
			if tasks += row.counts.tasks; tasks >= tidyTasks {
				break
			}
		}
		if err := e.write(ctx, func(tx *storeTx) error { return tx.removeTasks(ids) }); err != nil {
			return err
		}
	}
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
