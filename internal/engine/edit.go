package engine

import (
	"cmp"
	"fmt"
	"time"

	"github.com/runwith/runwith/internal/microtime"
)

// edit changes an execution and its tasks within one transaction. Its methods write the
// tasks, and change a copy of the execution's row, which save writes. Memory follows when
// the transaction is on disk, and drops the change if the transaction fails.
type edit struct {
	executionRow // as it becomes

	tx    *storeTx
	a     *active
	now   time.Time
	tasks []func([]taskNow) // changes of the tasks in memory
}

// edit begins a change of an execution.
func (tx *storeTx) edit(a *active) *edit {
	return &edit{executionRow: a.row, tx: tx, a: a, now: microtime.Of(time.Now())}
}

// claim takes a task from pending to running, unless its execution was stopped.
func (x *edit) claim(p placement) (claimed bool, err error) {
	if x.stop != notStopped {
		return false, nil
	}
	if err := taskEdges.check(pending, running); err != nil {
		return false, err
	}
	n, err := x.tx.Exec(`UPDATE tasks SET state = ?, started = iif(started = 0, ?, started)
		WHERE execution = ? AND task = ? AND attempt = ? AND incarnation = ? AND `+isPending,
		running, x.now.UnixNano(), x.id, p.task, p.attempt, p.incarnation)
	if err != nil || n == 0 {
		return false, err
	}
	if x.counts.running++; x.state == pending {
		x.state, x.started = running, x.now
	}
	x.task(p.task, func(t *taskNow) {
		t.state, t.started = running, cmp.Or(t.started, x.now.UnixNano())
	})
	return true, nil
}

// finish takes a task from running to the state that follows from the end of its attempt.
func (x *edit) finish(p placement, end ending) (retry bool, err error) {
	to, retry := end.next(p.attempt, int(x.message.Template.GetMaxRetries()), x.stop)
	if err := taskEdges.check(running, to); err != nil {
		return false, err
	}
	attempt, completed, ran := p.attempt, x.now.UnixNano(), new(end.ran)
	if retry {
		attempt, completed, ran = p.attempt+1, 0, nil // nothing is known of the next attempt
		if err := x.tx.keepAttempt(x.id, p, end, x.now); err != nil {
			return false, err
		}
	}
	last := lastAttempt{end.result.ExitCode, end.result.Signal, end.code, end.status}
	err = x.tx.change(`UPDATE tasks SET state = ?, attempt = ?, incarnation = iif(?, 0, incarnation),
			completed = ?, ran = ?, exit_code = ?, term_signal = ?, status_code = ?, status = ?
		WHERE execution = ? AND task = ? AND attempt = ? AND incarnation = ? AND `+isRunning,
		to, attempt, retry, completed, ran, last.exitCode, last.signal, last.code, last.status,
		x.id, p.task, p.attempt, p.incarnation)
	if err != nil {
		return false, err
	}
	x.count(p, to)
	if to == failed {
		x.failure = cmp.Or(x.failure, fmt.Sprintf("task%d failed with message: %s", p.task, end.status))
	}
	x.task(p.task, func(t *taskNow) {
		t.state, t.attempt, t.completed, t.last = to, attempt, completed, nil
		if last != (lastAttempt{}) {
			t.last = &last
		}
	})
	return retry, nil
}

// count moves a task from running to its next state in the execution's counts.
func (x *edit) count(p placement, to state) {
	x.counts.running--
	switch to {
	case pending:
		if p.attempt == 0 {
			x.counts.retried++ // tasks are counted, and not attempts
		}
	case succeeded:
		x.counts.succeeded++
	case failed:
		x.counts.failed++
	case cancelled:
		x.counts.cancelled++
	}
}

// lose takes a task whose attempt was lost back to pending, as the
// next incarnation of that attempt, or to cancelled if the execution is stopped.
func (x *edit) lose(p placement) (again bool, err error) {
	if x.stop != notStopped {
		return x.finish(p, endingUnstarted(errStopped))
	}
	x.counts.interrupted++
	if err := x.tx.keepInterruption(x.id, interruption{p.task, p.attempt, p.incarnation, x.now}); err != nil {
		return false, err
	}
	if err := taskEdges.check(running, pending); err != nil {
		return false, err
	}
	err = x.tx.change(`UPDATE tasks SET state = ?, incarnation = incarnation + 1
		WHERE execution = ? AND task = ? AND attempt = ? AND incarnation = ? AND `+isRunning,
		pending, x.id, p.task, p.attempt, p.incarnation)
	if err != nil {
		return false, err
	}
	x.counts.running--
	x.task(p.task, func(t *taskNow) { t.state, t.completed = pending, 0 })
	return true, nil
}

// failInterrupted fails an attempt that was lost, as if it had failed by itself.
func (x *edit) failInterrupted(p placement, end ending) (retry bool, err error) {
	x.counts.interrupted++
	return x.finish(p, end)
}

// cancelPending takes every waiting task to cancelled.
func (x *edit) cancelPending() error {
	if err := taskEdges.check(pending, cancelled); err != nil {
		return err
	}
	n, err := x.tx.Exec(`UPDATE tasks SET state = ?, completed = ? WHERE execution = ? AND `+isPending,
		cancelled, x.now.UnixNano(), x.id)
	if err != nil {
		return err
	}
	x.counts.cancelled += int(n)
	x.tasks = append(x.tasks, func(tasks []taskNow) {
		for i := range tasks {
			if t := &tasks[i]; t.state == pending {
				t.state, t.completed = cancelled, x.now.UnixNano()
			}
		}
	})
	return nil
}

// dropTasks removes all tasks.
func (x *edit) dropTasks() error {
	if _, err := x.tx.Exec(`DELETE FROM tasks WHERE execution = ?`, x.id); err != nil {
		return err
	}
	x.counts.tasks = 0
	return nil
}

// task changes a task in memory, once the transaction is on disk.
func (x *edit) task(i int, change func(*taskNow)) {
	x.tasks = append(x.tasks, func(tasks []taskNow) { change(&tasks[i]) })
}

// judge ends the execution if every task has ended.
func (x *edit) judge() {
	if verdict := x.counts.verdict(); verdict.terminal() {
		x.state, x.completed = verdict, x.now
	}
}

// save writes the execution's row.
func (x *edit) save() error {
	before := &x.a.row
	x.updated = x.now
	c := x.counts
	if x.state == before.state {
		// The state stands in two indexes, and so is written only when it changes.
		if err := x.tx.change(`UPDATE executions SET running = ?, succeeded = ?, failed = ?, cancelled = ?, retried = ?, interrupted = ?,
				failure = ?, stop = ?, updated = ? WHERE id = ? AND state = ?`,
			c.running, c.succeeded, c.failed, c.cancelled, c.retried, c.interrupted,
			x.failure, x.stop, x.updated.UnixNano(), x.id, x.state); err != nil {
			return err
		}
		x.remember()
		return nil
	}
	if err := executionEdges.check(before.state, x.state); err != nil {
		return err
	}
	if err := x.tx.change(`UPDATE executions SET state = ?, tasks = ?, running = ?, succeeded = ?, failed = ?, cancelled = ?, retried = ?, interrupted = ?,
			failure = ?, stop = ?, updated = ?, started = ?, completed = ? WHERE id = ? AND state = ?`,
		x.state, c.tasks, c.running, c.succeeded, c.failed, c.cancelled, c.retried, c.interrupted,
		x.failure, x.stop, x.updated.UnixNano(), nanos(x.started), nanos(x.completed), x.id, before.state); err != nil {
		return err
	}
	x.remember()
	return nil
}

// remember makes memory follow this transaction.
func (x *edit) remember() {
	a, before, after, tasks := x.a, x.a.row, x.executionRow, x.tasks
	a.row, x.tasks = after, nil
	x.tx.OnEnd(func(committed bool) {
		if !committed {
			a.row = before
			return
		}
		x.tx.engine.follow(a, &after, tasks)
	})
}

// follow shows clients an execution after a commit. It stops the tasks if the execution
// was stopped, and releases the execution if it has ended. It is called in the order of
// the commits.
func (e *Engine) follow(a *active, row *executionRow, tasks []func([]taskNow)) {
	before := a.version()
	ended := a.set(versionOf(row), func(all []taskNow) {
		for _, change := range tasks {
			change(all)
		}
	})
	switch {
	case ended:
		e.letGo(a, row)
	case row.stop != notStopped:
		e.scheduler.stop(a)
	}
	e.changes.Publish(a.id)
	e.report(a, before)
}

// report counts the start and the end of an execution, and calls Progress, after the commit
// that made it. before is the execution as it was, or nil if that commit created it.
func (e *Engine) report(a *active, before *version) {
	now := a.version()
	started := !now.started.IsZero() && (before == nil || before.started.IsZero())
	ended := now.state.terminal() && (before == nil || !before.state.terminal())
	e.counters.changed(now, before)
	if e.progress != nil && (started || ended) {
		e.progress(now.message())
	}
}

// letGo releases an execution that has ended.
func (e *Engine) letGo(a *active, row *executionRow) {
	e.scheduler.forget(a)
	close(a.ended)
	if row.deleted.IsZero() {
		e.live.ended(a)
	} else {
		e.live.remove(a)
	}
	e.logs.End(a.execution.Uid)
	e.tidySoon()
}
