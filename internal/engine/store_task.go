package engine

import (
	"errors"
	"math"
	"path"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/sqlite"
)

// placements returns the placements of the tasks that have not ended. Those of an earlier
// process come first.
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

// taskKey is the position of a task in a list: by execution, newest first, and then by
// index.
type taskKey struct {
	execution int64
	task      int
}

var firstTask = taskKey{newest, -1}

const taskColumns = `t.task, t.state, t.attempt, t.started, t.completed, t.exit_code, t.term_signal, t.status_code, t.status`

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

// scan reads a task's own columns and the ones after them.
func (r *taskRow) scan(row sqlite.Row, behind ...any) error {
	var started, completed int64
	err := row.Scan(append([]any{&r.task, &r.state, &r.attempt, &started, &completed,
		&r.last.exitCode, &r.last.signal, &r.last.code, &r.last.status}, behind...)...)
	r.started, r.completed = timeAt(started), timeAt(completed)
	return err
}

// task returns a task, or NOT_FOUND.
func (tx *storeTx) task(name jobspec.TaskName) (*taskRow, error) {
	row, err := scanTask(tx.QueryRow(`SELECT `+taskColumns+`, `+executionColumns+` FROM tasks t JOIN executions e ON e.id = t.execution
		WHERE e.name = ? AND e.deleted IS NULL AND t.task = ?`,
		name.Execution.String(), name.Index))
	if errors.Is(err, sqlite.ErrNoRows) {
		return nil, missing("TASK", path.Base(name.String()), name.Execution.Job.Location)
	}
	return row, err
}

// taskNamed returns the task with an ID in a location, or NOT_FOUND.
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
	return missing("TASK", id, at)
}

// tasks returns at most limit tasks after a key: those of an execution, or of all
// executions, jobs or regions if that part is "-". If a single execution is named and
// missing, the error is NOT_FOUND.
func (tx *storeTx) tasks(of jobspec.ExecutionName, deleted bool, after taskKey, limit int) ([]*taskRow, error) {
	// Deviation: under executions/- a missing job is no error; it has no tasks.
	one := of.Execution != jobspec.Wildcard && of.Job.Job != jobspec.Wildcard && of.Job.Region != jobspec.Wildcard
	if !one || deleted {
		from, where := executionsAndJobs(of.Job.Job, deleted)
		return collect(tx, scanTask, `SELECT `+taskColumns+`, `+executionColumns+` FROM `+from+` CROSS JOIN tasks t ON t.execution = e.id
			WHERE `+where+` AND j.project = ?1 AND (?2 = '-' OR j.region = ?2) AND (?3 = '-' OR j.job = ?3) AND (?4 = '-' OR e.name LIKE '%/executions/' || ?4)
				AND e.id <= ?5 AND (e.id < ?5 OR t.task > ?6)
			ORDER BY e.id DESC, t.task LIMIT ?7`,
			of.Job.Project, of.Job.Region, of.Job.Job, of.Execution, after.execution, after.task, limit)
	}
	x, err := tx.execution(of)
	if err != nil {
		return nil, err
	}
	return tx.tasksOf(x, after.task, limit)
}

// tasksOf returns at most limit tasks of an execution after an index.
func (tx *storeTx) tasksOf(x *executionRow, after, limit int) ([]*taskRow, error) {
	return collect(tx, scanTaskOf(x), `SELECT `+taskColumns+` FROM tasks t
		WHERE t.execution = ? AND t.task > ? ORDER BY t.task LIMIT ?`, x.id, after, limit)
}

// tasksNow returns every task of an execution in the form of memory.
func (tx *storeTx) tasksNow(x *executionRow) ([]taskNow, error) {
	rows, err := tx.tasksOf(x, -1, math.MaxInt)
	all := make([]taskNow, len(rows))
	for i, row := range rows {
		all[i] = row.now()
	}
	return all, err
}
