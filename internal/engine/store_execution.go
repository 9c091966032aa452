package engine

import (
	"errors"
	"math"
	"strings"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/sqlite"
)

// executionRow is a stored execution.
type executionRow struct {
	id      int64
	state   state
	stop    stopReason
	updated time.Time
	started, completed,
	deleted time.Time
	counts  counts
	failure string
	message *runpb.Execution // as it was created; never changed
}

const executionColumns = `e.id, e.state, e.stop, e.updated, e.started, e.completed, e.deleted,
	e.tasks, e.running, e.succeeded, e.failed, e.cancelled, e.retried, e.interrupted, e.failure, e.message`

// nullableExecution holds the columns of an execution that may be missing in a join.
type nullableExecution struct {
	id, updated, started, completed, deleted              *int64
	interrupted                                           *int
	tasks, running, succeeded, failed, cancelled, retried *int
	state, stop, failure                                  *string
	blob                                                  []byte
}

func (n *nullableExecution) dest() []any {
	return []any{&n.id, &n.state, &n.stop, &n.updated, &n.started, &n.completed, &n.deleted,
		&n.tasks, &n.running, &n.succeeded, &n.failed, &n.cancelled, &n.retried, &n.interrupted, &n.failure, &n.blob}
}

func (n *nullableExecution) row() (*executionRow, error) {
	if n.id == nil {
		return nil, nil
	}
	message, err := unmarshalExecution(n.blob)
	if err != nil {
		return nil, err
	}
	row := &executionRow{
		id: *n.id, state: state(*n.state), stop: stopReason(*n.stop),
		updated: timeAt(*n.updated), started: timeAt(*n.started), completed: timeAt(*n.completed),
		counts:  counts{*n.tasks, *n.running, *n.succeeded, *n.failed, *n.cancelled, *n.retried, *n.interrupted},
		failure: *n.failure, message: message,
	}
	if n.deleted != nil {
		row.deleted = timeAt(*n.deleted)
	}
	return row, nil
}

func scanExecution(row sqlite.Row) (*executionRow, error) {
	var n nullableExecution
	if err := row.Scan(n.dest()...); err != nil {
		return nil, err
	}
	return n.row()
}

// execution returns the execution with a name, or NOT_FOUND.
//
// Deviation: lists can show a deleted execution, but it cannot be read by its name.
func (tx *storeTx) execution(name jobspec.ExecutionName) (*executionRow, error) {
	row, err := scanExecution(tx.QueryRow(
		`SELECT `+executionColumns+` FROM executions e WHERE e.name = ? AND e.deleted IS NULL`, name.String()))
	if errors.Is(err, sqlite.ErrNoRows) {
		return nil, missing("EXECUTION", name.Execution, name.Job.Location)
	}
	return row, err
}

// executionNamed returns the newest execution with an ID in a location, or NOT_FOUND.
//
// Deviation: executions of two jobs can have the same ID if tokens name them.
func (tx *storeTx) executionNamed(at jobspec.Location, id string) (*executionRow, error) {
	var names []any
	for _, name := range at.ExecutionsNamed(id) {
		names = append(names, name.String())
	}
	if names == nil {
		return nil, noExecutionNamed(at, id)
	}
	row, err := scanExecution(tx.QueryRow(`SELECT `+executionColumns+` FROM executions e
		WHERE e.name IN (?`+strings.Repeat(", ?", len(names)-1)+`) AND e.deleted IS NULL ORDER BY e.id DESC LIMIT 1`, names...))
	if errors.Is(err, sqlite.ErrNoRows) {
		return nil, noExecutionNamed(at, id)
	}
	return row, err
}

func noExecutionNamed(at jobspec.Location, id string) error {
	return missing("EXECUTION", id, at)
}

func (tx *storeTx) executionByID(id int64) (*executionRow, error) {
	return scanExecution(tx.QueryRow(`SELECT `+executionColumns+` FROM executions e WHERE e.id = ?`, id))
}

// newest is above the ID of every execution.
const newest = int64(math.MaxInt64)

// executions returns at most limit executions before an ID, newest first: those of a job,
// or of all jobs or all regions if these are "-". If there is no such job, the error is
// NOT_FOUND.
func (tx *storeTx) executions(of jobspec.JobName, deleted bool, before int64, limit int) ([]*executionRow, error) {
	if of.Job == jobspec.Wildcard || of.Region == jobspec.Wildcard {
		from, where := executionsAndJobs(of.Job, deleted)
		return collect(tx, scanExecution, `SELECT `+executionColumns+` FROM `+from+`
			WHERE `+where+` AND j.project = ?1 AND (?2 = '-' OR j.region = ?2) AND (?3 = '-' OR j.job = ?3) AND e.id < ?4
			ORDER BY e.id DESC LIMIT ?5`, of.Project, of.Region, of.Job, before, limit)
	}
	job, err := tx.job(of)
	if err != nil {
		return nil, err
	}
	from, where := listSource("executions_shown_by_job", deleted)
	return collect(tx, scanExecution, `SELECT `+executionColumns+` FROM `+from+`
		WHERE `+where+` AND e.job = ? AND e.id < ? ORDER BY e.id DESC LIMIT ?`, job.id, before, limit)
}

// executionsAndJobs returns the tables and the condition of a list across jobs. CROSS JOIN makes
// SQLite read the executions of all jobs from the newest on; job by job, it would have to sort.
func executionsAndJobs(job string, deleted bool) (from, where string) {
	if job == jobspec.Wildcard {
		from, where = listSource("executions_shown", deleted)
		return from + ` CROSS JOIN jobs j ON j.id = e.job`, where
	}
	from, where = listSource("executions_shown_by_job", deleted)
	return `jobs j CROSS JOIN ` + from + ` ON e.job = j.id`, where
}

// listSource returns the table and the condition of a list: of the executions that are shown, by
// an index that has no others, or of all.
func listSource(index string, deleted bool) (from, where string) {
	if deleted {
		return `executions e`, `true`
	}
	return `executions e INDEXED BY ` + index, `e.deleted IS NULL`
}

// jobOf returns the resource name of an execution's job.
func jobOf(execution string) string {
	job, _, _ := strings.Cut(execution, "/executions/")
	return job
}

// unfinished returns every execution that has not ended.
func (tx *storeTx) unfinished() ([]*executionRow, error) {
	return collect(tx, scanExecution, `SELECT `+executionColumns+`
		FROM executions e WHERE e.`+isLive+` ORDER BY e.id`)
}

// activeExecutions returns the executions of a job that have not ended.
func (tx *storeTx) activeExecutions(job int64) ([]int64, error) {
	return collect(tx, scanID, `SELECT id FROM executions INDEXED BY executions_active WHERE job = ? AND `+isLive, job)
}

func scanID(row sqlite.Row) (id int64, err error) { return id, row.Scan(&id) }

// insertExecution stores a new execution with some tasks, of which the first ones are
// claimed. An execution that fails before it has tasks is stored with none. If the name is
// taken, the error is a sqlite.Conflict.
//
// Deviation: the name of a deleted execution is free as soon as that has ended.
func (tx *storeTx) insertExecution(job int64, x *runpb.Execution, tasks, claimed int) (*executionRow, error) {
	blob, err := proto.Marshal(x)
	if err != nil {
		return nil, err
	}
	created := x.CreateTime.AsTime()
	row := &executionRow{state: pending, updated: created, counts: counts{tasks: tasks, running: claimed}, message: x}
	started := int64(0)
	if claimed > 0 {
		row.state, row.started, started = running, created, created.UnixNano()
	}
	row.id, err = tx.Insert(`INSERT INTO executions (job, name, state, created, updated, started, tasks, running, message)
		VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8)`,
		job, x.Name, row.state, created.UnixNano(), started, tasks, claimed, blob)
	if err != nil {
		return nil, err
	}
	if err := tx.insertTasks(row, started); err != nil {
		return nil, err
	}
	tx.engine.lists.forget(tx, jobOf(x.Name))
	return row, tx.change(`UPDATE jobs SET executions = executions + 1 WHERE id = ? AND deleted IS NULL`, job)
}

// insertTasks stores the tasks of a new execution, of which the first ones are claimed.
func (tx *storeTx) insertTasks(row *executionRow, started int64) (err error) {
	switch tasks, claimed := row.counts.tasks, row.counts.running; tasks {
	case 0:
	case 1: // most executions have one, and this costs a third of the general form
		_, err = tx.Exec(`INSERT INTO tasks (execution, task, state, started) VALUES (?, 0, ?, ?)`, row.id, row.state, started)
	default:
		_, err = tx.Exec(`INSERT INTO tasks (execution, task, state, started)
			WITH RECURSIVE n (i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1)
			SELECT ?2, i, iif(i < ?3, ?4, ?5), iif(i < ?3, ?6, 0) FROM n`,
			tasks, row.id, claimed, running, pending, started)
	}
	return err
}

// hideExecution hides an execution.
func (tx *storeTx) hideExecution(row *executionRow, now time.Time) error {
	if err := tx.change(`UPDATE executions SET deleted = ?1, updated = ?1 WHERE id = ?2 AND deleted IS NULL`, now.UnixNano(), row.id); err != nil {
		return err
	}
	if a := tx.engine.live.find(row.id); a != nil {
		x := tx.edit(a)
		x.deleted, x.updated = now, now
		x.hide()
	}
	tx.engine.lists.forget(tx, jobOf(row.message.Name))
	return tx.change(`UPDATE jobs SET executions = executions - 1 WHERE id = (SELECT job FROM executions WHERE id = ?)`, row.id)
}

// hide makes memory follow that the execution is deleted. The caller has written that. The
// transaction that creates the execution may not be on disk yet: clients then never see it.
func (x *edit) hide() {
	a, live := x.a, x.tx.engine.live
	live.hide(a)
	x.tx.OnEnd(func(committed bool) {
		switch {
		case !committed:
			if a.version() != nil {
				live.show(a)
			}
		case a.hasEnded():
			live.remove(a)
		}
	})
	x.remember()
}

// stopExecution asks an execution to end: it cancels the waiting tasks, and no task is
// claimed any more. It is a no-op after a stop or the end.
func (tx *storeTx) stopExecution(id int64, why stopReason) error {
	a := tx.engine.live.find(id)
	if a == nil || a.row.state.terminal() || a.row.stop != notStopped {
		return nil
	}
	x := tx.edit(a)
	x.stop = why
	if err := x.cancelPending(); err != nil {
		return err
	}
	x.judge()
	return x.save()
}

// failExecution takes an execution without tasks from pending to failed, or returns
// errStale after a stop.
func (x *edit) failExecution(why string) error {
	if x.state != pending || x.stop != notStopped || x.counts.tasks > 0 {
		return errStale
	}
	x.state, x.failure, x.completed = failed, why, x.now
	return x.save()
}
