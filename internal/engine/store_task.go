package engine

import (
	"fmt"
	"time"

	"github.com/runwith/runwith/internal/sqlite"
)

// transition is what a task's change made of it and of its execution.
type transition struct {
	execution state
	retry     bool // the task waits again
}

// delta is what a transition adds to an execution's counts.
type delta struct {
	running, succeeded, failed, cancelled, retried int
	failure                                        string
}

// claimTask takes a task from pending to running, unless its execution is stopped.
func (tx *storeTx) claimTask(execution int64, p placement, now time.Time) (claimed bool, err error) {
	n, err := tx.Exec(`UPDATE tasks SET state = 'running', started = CASE started WHEN 0 THEN ? ELSE started END
		WHERE execution = ? AND task = ? AND state = 'pending' AND attempt = ? AND incarnation = ?`,
		now.UnixNano(), execution, p.task, p.attempt, p.incarnation)
	if err != nil || n == 0 {
		return false, err
	}
	return true, tx.change(`UPDATE executions
		SET state = 'running', running = running + 1, updated = ?1, started = CASE started WHEN 0 THEN ?1 ELSE started END
		WHERE id = ?2 AND stop = '' AND state IN ('pending', 'running')`, now.UnixNano(), execution)
}

// finishTask takes a task from running to where its attempt's end leads.
func (tx *storeTx) finishTask(execution int64, p placement, end ending, maxRetries int, now time.Time) (transition, error) {
	var stop stopReason
	if err := tx.QueryRow(`SELECT stop FROM executions WHERE id = ?`, execution).Scan(&stop); err != nil {
		return transition{}, err
	}
	to, retry := end.next(p.attempt, maxRetries, stop)
	d := delta{running: -1}
	attempt, completed := p.attempt, now.UnixNano()
	switch {
	case retry:
		d.retried, attempt, completed = 1, p.attempt+1, 0
	case to == succeeded:
		d.succeeded = 1
	case to == cancelled:
		d.cancelled = 1
	case to == failed:
		d.failed, d.failure = 1, fmt.Sprintf("task%d failed with message: %s", p.task, end.status)
	}
	err := tx.change(`UPDATE tasks SET state = ?, attempt = ?, incarnation = CASE WHEN ? THEN 0 ELSE incarnation END,
			completed = ?, exit_code = ?, term_signal = ?, status_code = ?, status = ?
		WHERE execution = ? AND task = ? AND state = 'running' AND attempt = ? AND incarnation = ?`,
		to, attempt, retry, completed, end.result.ExitCode, end.result.Signal, end.code, end.status,
		execution, p.task, p.attempt, p.incarnation)
	if err != nil {
		return transition{}, err
	}
	after, err := tx.tally(execution, d, now)
	return transition{after, retry}, err
}

// loseTask takes a task whose attempt died with an earlier process back to pending,
// as the next incarnation of that attempt, or to cancelled where its execution is
// stopped.
func (tx *storeTx) loseTask(execution int64, p placement, now time.Time) (transition, error) {
	var stop stopReason
	if err := tx.QueryRow(`SELECT stop FROM executions WHERE id = ?`, execution).Scan(&stop); err != nil {
		return transition{}, err
	}
	to, d, completed := pending, delta{running: -1}, int64(0)
	if stop != notStopped {
		to, d.cancelled, completed = cancelled, 1, now.UnixNano()
	}
	err := tx.change(`UPDATE tasks SET state = ?, incarnation = incarnation + 1, completed = ?
		WHERE execution = ? AND task = ? AND state = 'running' AND attempt = ? AND incarnation = ?`,
		to, completed, execution, p.task, p.attempt, p.incarnation)
	if err != nil {
		return transition{}, err
	}
	after, err := tx.tally(execution, d, now)
	return transition{after, to == pending}, err
}

// tally adds to an execution's counts, and ends it when every task has ended.
func (tx *storeTx) tally(execution int64, d delta, now time.Time) (state, error) {
	var c counts
	err := tx.QueryRow(`UPDATE executions
		SET running = running + ?, succeeded = succeeded + ?, failed = failed + ?, cancelled = cancelled + ?, retried = retried + ?,
			failure = CASE failure WHEN '' THEN ? ELSE failure END, updated = ?
		WHERE id = ? AND state IN ('pending', 'running')
		RETURNING tasks, running, succeeded, failed, cancelled, retried`,
		d.running, d.succeeded, d.failed, d.cancelled, d.retried, d.failure, now.UnixNano(), execution,
	).Scan(&c.tasks, &c.running, &c.succeeded, &c.failed, &c.cancelled, &c.retried)
	if err != nil {
		return "", err
	}
	verdict := c.verdict()
	if !verdict.terminal() {
		return verdict, nil
	}
	return verdict, tx.change(`UPDATE executions SET state = ?, completed = ?
		WHERE id = ? AND state IN ('pending', 'running')`, verdict, now.UnixNano(), execution)
}

// placements returns the tasks of an execution that have not ended, those that an
// earlier process placed first.
func (tx *storeTx) placements(execution int64) ([]placement, error) {
	return collect(tx, func(row sqlite.Row) (p placement, err error) {
		return p, row.Scan(&p.task, &p.attempt, &p.incarnation, &p.resume)
	}, `SELECT task, attempt, incarnation, state = 'running' FROM tasks
		WHERE execution = ? AND state IN ('pending', 'running') ORDER BY state = 'running' DESC, task`, execution)
}
