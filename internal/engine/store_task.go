package engine

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/sqlite"
)

// transition is what a task's change made of it and of its execution.
type transition struct {
	execution *executionRow // without its message
	retry     bool          // the task waits again
}

// claimTask takes a task from pending to running, unless its execution is stopped.
func (tx *storeTx) claimTask(execution int64, p placement, now time.Time) (claimed bool, err error) {
	n, err := tx.Exec(`UPDATE tasks SET state = ?, started = CASE started WHEN 0 THEN ? ELSE started END
		WHERE execution = ? AND task = ? AND attempt = ? AND incarnation = ? AND `+isPending,
		running, now.UnixNano(), execution, p.task, p.attempt, p.incarnation)
	if err != nil || n == 0 {
		return false, err
	}
	// To set a state that is set already would write two indexes, for each task.
	n, err = tx.Exec(`UPDATE executions SET running = running + 1, updated = ?
		WHERE id = ? AND stop = '' AND `+isRunning, now.UnixNano(), execution)
	if err != nil || n == 1 {
		return true, err
	}
	return true, tx.change(`UPDATE executions SET state = ?1, running = running + 1, updated = ?2, started = ?2
		WHERE id = ?3 AND stop = '' AND `+isPending, running, now.UnixNano(), execution)
}

// finishTask takes a task from running to where its attempt's end leads.
func (tx *storeTx) finishTask(execution int64, p placement, end ending, maxRetries int, now time.Time) (transition, error) {
	x, err := tx.progress(execution)
	if err != nil {
		return transition{}, err
	}
	to, retry := end.next(p.attempt, maxRetries, x.stop)
	if err := taskEdges.check(running, to); err != nil {
		return transition{}, err
	}
	d := delta{running: -1}
	attempt, completed, ran := p.attempt, now.UnixNano(), new(end.ran)
	switch {
	case retry:
		attempt, completed, ran = p.attempt+1, 0, nil // nothing is known of the next attempt
		if p.attempt == 0 {
			d.retried = 1 // tasks are counted, and not attempts
		}
	case to == succeeded:
		d.succeeded = 1
	case to == cancelled:
		d.cancelled = 1
	case to == failed:
		d.failed, d.failure = 1, fmt.Sprintf("task%d failed with message: %s", p.task, end.status)
	}
	err = tx.change(`UPDATE tasks SET state = ?, attempt = ?, incarnation = CASE WHEN ? THEN 0 ELSE incarnation END,
			completed = ?, ran = ?, exit_code = ?, term_signal = ?, status_code = ?, status = ?
		WHERE execution = ? AND task = ? AND attempt = ? AND incarnation = ? AND `+isRunning,
		to, attempt, retry, completed, ran, end.result.ExitCode, end.result.Signal, end.code, end.status,
		execution, p.task, p.attempt, p.incarnation)
	if err != nil {
		return transition{}, err
	}
	if retry {
		if err := tx.keepAttempt(execution, p, end, now); err != nil {
			return transition{}, err
		}
	}
	return transition{x, retry}, tx.tally(x, d, now)
}

// loseTask takes a task whose attempt died with an earlier process back to pending,
// as the next incarnation of that attempt, or to cancelled if its execution is stopped.
func (tx *storeTx) loseTask(execution int64, p placement, now time.Time) (transition, error) {
	x, err := tx.progress(execution)
	if err != nil {
		return transition{}, err
	}
	if x.stop != notStopped {
		return tx.finishTask(execution, p, endingUnstarted(errStopped), 0, now)
	}
	if err := taskEdges.check(running, pending); err != nil {
		return transition{}, err
	}
	err = tx.change(`UPDATE tasks SET state = ?, incarnation = incarnation + 1
		WHERE execution = ? AND task = ? AND attempt = ? AND incarnation = ? AND `+isRunning,
		pending, execution, p.task, p.attempt, p.incarnation)
	if err != nil {
		return transition{}, err
	}
	return transition{x, true}, tx.tally(x, delta{running: -1}, now)
}

// progress returns how far an execution has come, without its message.
func (tx *storeTx) progress(execution int64) (*executionRow, error) {
	var (
		r                           = executionRow{id: execution}
		updated, started, completed int64
		deleted                     *int64
		c                           = &r.counts
	)
	err := tx.QueryRow(`SELECT state, stop, updated, started, completed, deleted,
			tasks, running, succeeded, failed, cancelled, retried, failure FROM executions WHERE id = ?`, execution,
	).Scan(&r.state, &r.stop, &updated, &started, &completed, &deleted,
		&c.tasks, &c.running, &c.succeeded, &c.failed, &c.cancelled, &c.retried, &r.failure)
	r.updated, r.started, r.completed = timeAt(updated), timeAt(started), timeAt(completed)
	if deleted != nil {
		r.deleted = timeAt(*deleted)
	}
	return &r, err
}

// tally adds to an execution's counts, and ends it when every task has ended. x is
// its row as this transaction has read it, and becomes what it writes.
func (tx *storeTx) tally(x *executionRow, d delta, now time.Time) error {
	x.counts.add(d)
	x.failure = cmp.Or(x.failure, d.failure)
	x.updated = now
	c := x.counts
	if verdict := c.verdict(); verdict.terminal() {
		if err := executionEdges.check(x.state, verdict); err != nil {
			return err
		}
		x.state, x.completed = verdict, now
		return tx.change(`UPDATE executions
			SET state = ?, running = ?, succeeded = ?, failed = ?, cancelled = ?, retried = ?, failure = ?, updated = ?, completed = ?
			WHERE id = ? AND `+isLive,
			x.state, c.running, c.succeeded, c.failed, c.cancelled, c.retried, x.failure, now.UnixNano(), now.UnixNano(), x.id)
	}
	// The state stands in two indexes, and is written only when it changes.
	return tx.change(`UPDATE executions
		SET running = ?, succeeded = ?, failed = ?, cancelled = ?, retried = ?, failure = ?, updated = ?
		WHERE id = ? AND `+isLive,
		c.running, c.succeeded, c.failed, c.cancelled, c.retried, x.failure, now.UnixNano(), x.id)
}

// placements returns the tasks of an execution that have not ended, those that an
// earlier process placed first.
func (tx *storeTx) placements(execution int64) ([]placement, error) {
	return collect(tx, func(row sqlite.Row) (p placement, err error) {
		return p, row.Scan(&p.task, &p.attempt, &p.incarnation, &p.resume)
	}, `SELECT task, attempt, incarnation, `+isRunning+` FROM tasks
		WHERE execution = ? AND `+isLive+` ORDER BY `+isRunning+` DESC, task`, execution)
}

// runs reports whether a task is in state running in just this placement.
func (tx *storeTx) runs(id runner.ID) (runs bool, err error) {
	err = tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM executions e JOIN tasks t ON t.execution = e.id
		WHERE e.name = ? AND e.`+isLive+` AND t.task = ? AND t.`+isRunning+` AND t.attempt = ? AND t.incarnation = ?)`,
		id.Execution, id.Task, id.Attempt, id.Incarnation).Scan(&runs)
	return runs, err
}

// taskKey is where a task stands in a list: by execution, newest first, and index.
type taskKey struct {
	execution int64
	task      int
}

var firstTask = taskKey{newest, -1}

const (
	taskColumns = `t.task, t.state, t.attempt, t.started, t.completed, t.exit_code, t.term_signal, t.status_code, t.status`
	wholeTask   = taskColumns + `, ` + executionColumns + ` FROM tasks t JOIN executions e ON e.id = t.execution`
)

// scanTaskOf scans tasks of one execution.
func scanTaskOf(x *executionRow) func(sqlite.Row) (*taskRow, error) {
	return func(row sqlite.Row) (*taskRow, error) {
		r := taskRow{execution: x}
		return &r, r.scan(row)
	}
}

// scanTask scans a task with its execution.
func scanTask(row sqlite.Row) (*taskRow, error) {
	var (
		r         taskRow
		execution nullableExecution
	)
	if err := r.scan(row, execution.dest()...); err != nil {
		return nil, err
	}
	var err error
	r.execution, err = execution.row()
	return &r, err
}

// scan reads a task's own columns, and those that stand behind them.
func (r *taskRow) scan(row sqlite.Row, behind ...any) error {
	var started, completed int64
	err := row.Scan(append([]any{&r.task, &r.state, &r.attempt, &started, &completed,
		&r.last.exitCode, &r.last.signal, &r.last.code, &r.last.status}, behind...)...)
	r.started, r.completed = timeAt(started), timeAt(completed)
	return err
}

// task returns a task of an execution that is there, or NOT_FOUND.
func (tx *storeTx) task(name jobspec.TaskName) (*taskRow, error) {
	row, err := scanTask(tx.QueryRow(`SELECT `+wholeTask+` WHERE e.name = ? AND e.deleted IS NULL AND t.task = ?`,
		name.Execution.String(), name.Index))
	if errors.Is(err, sqlite.ErrNoRows) {
		return nil, runwith.Errorf(runwith.NotFound, "task %s does not exist", name)
	}
	return row, err
}

// taskNamed returns the task of a location that has this ID, or NOT_FOUND.
func (tx *storeTx) taskNamed(at jobspec.Location, id string) (*taskRow, error) {
	execution, index, ok := jobspec.CutTask(id)
	if !ok {
		return nil, noTaskNamed(at, id)
	}
	x, err := tx.executionNamed(at, execution)
	if runwith.CodeOf(err) == runwith.NotFound {
		return nil, noTaskNamed(at, id)
	}
	if err != nil {
		return nil, err
	}
	name, err := jobspec.ParseExecution(x.message.Name)
	if err != nil {
		return nil, err
	}
	return tx.task(name.Task(index))
}

func noTaskNamed(at jobspec.Location, id string) error {
	return runwith.Errorf(runwith.NotFound, "task %.300s does not exist",
		jobspec.JobName{Location: at, Job: jobspec.Wildcard}.Execution(jobspec.Wildcard).String()+"/tasks/"+id)
}

// tasks returns the tasks of an execution, or of all where it, its job or its region
// is "-": at most limit, after the key. One execution that is not there is NOT_FOUND.
func (tx *storeTx) tasks(of jobspec.ExecutionName, deleted bool, after taskKey, limit int) ([]*taskRow, error) {
	// Deviation: under executions/- a job that is not there is no error, it has no tasks.
	one := of.Execution != jobspec.Wildcard && of.Job.Job != jobspec.Wildcard && of.Job.Region != jobspec.Wildcard
	if !one || deleted {
		return collect(tx, scanTask, `SELECT `+wholeTask+` JOIN jobs j ON j.id = e.job
			WHERE j.project = ?1 AND (?2 = '-' OR j.region = ?2) AND (?3 = '-' OR j.job = ?3) AND (?4 = '-' OR e.name LIKE '%/executions/' || ?4)
				AND (e.deleted IS NULL OR ?5) AND (e.id < ?6 OR e.id = ?6 AND t.task > ?7)
			ORDER BY e.id DESC, t.task LIMIT ?8`,
			of.Job.Project, of.Job.Region, of.Job.Job, of.Execution, deleted, after.execution, after.task, limit)
	}
	x, err := tx.execution(of)
	if err != nil {
		return nil, err
	}
	return collect(tx, scanTaskOf(x), `SELECT `+taskColumns+` FROM tasks t
		WHERE t.execution = ? AND t.task > ? ORDER BY t.task LIMIT ?`, x.id, after.task, limit)
}
