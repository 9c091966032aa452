package engine

import (
	"errors"
	"math"
	"strings"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/sqlite"
)

// executionRow is an execution as it is stored.
type executionRow struct {
	id      int64
	state   state
	stop    stopReason
	updated time.Time
	started, completed,
	deleted time.Time
	counts  counts
	failure string
	message *runpb.Execution // as it was created
}

// copy is the row with a message of its own, for [executionRow.proto], which changes
// it.
func (r *executionRow) copy() *executionRow {
	c := *r
	c.message = proto.CloneOf(r.message)
	return &c
}

const executionColumns = `e.id, e.state, e.stop, e.updated, e.started, e.completed, e.deleted,
	e.tasks, e.running, e.succeeded, e.failed, e.cancelled, e.retried, e.failure, e.message`

// nullableExecution takes the columns of an execution that may not be there.
type nullableExecution struct {
	id, updated, started, completed, deleted              *int64
	tasks, running, succeeded, failed, cancelled, retried *int
	state, stop, failure                                  *string
	blob                                                  []byte
}

func (n *nullableExecution) dest() []any {
	return []any{&n.id, &n.state, &n.stop, &n.updated, &n.started, &n.completed, &n.deleted,
		&n.tasks, &n.running, &n.succeeded, &n.failed, &n.cancelled, &n.retried, &n.failure, &n.blob}
}

func (n *nullableExecution) row() (*executionRow, error) {
	if n.id == nil {
		return nil, nil
	}
	message, err := unmarshal(n.blob, &runpb.Execution{})
	if err != nil {
		return nil, err
	}
	row := &executionRow{
		id: *n.id, state: state(*n.state), stop: stopReason(*n.stop),
		updated: timeAt(*n.updated), started: timeAt(*n.started), completed: timeAt(*n.completed),
		counts:  counts{*n.tasks, *n.running, *n.succeeded, *n.failed, *n.cancelled, *n.retried},
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

// execution returns the execution of that name, or NOT_FOUND.
//
// Deviation: one that was deleted can be listed, and not be read by its name.
func (tx *storeTx) execution(name jobspec.ExecutionName) (*executionRow, error) {
	row, err := scanExecution(tx.QueryRow(
		`SELECT `+executionColumns+` FROM executions e WHERE e.name = ? AND e.deleted IS NULL`, name.String()))
	if errors.Is(err, sqlite.ErrNoRows) {
		return nil, runwith.Errorf(runwith.NotFound, "execution %s does not exist", name)
	}
	return row, err
}

// executionNamed returns the newest execution of a location that has this ID, or
// NOT_FOUND.
//
// Deviation: two jobs can have one of the same ID, where tokens name them.
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
	return runwith.Errorf(runwith.NotFound, "execution %.300s does not exist", jobspec.JobName{Location: at, Job: jobspec.Wildcard}.Execution(id))
}

func (tx *storeTx) executionByID(id int64) (*executionRow, error) {
	return scanExecution(tx.QueryRow(`SELECT `+executionColumns+` FROM executions e WHERE e.id = ?`, id))
}

// newest is behind the ID of every execution.
const newest = int64(math.MaxInt64)

// executions returns a job's executions, or those of all jobs or all regions where
// these are "-", newest first: at most limit, before the id. A job of one region that
// is not there is NOT_FOUND.
func (tx *storeTx) executions(of jobspec.JobName, deleted bool, before int64, limit int) ([]*executionRow, error) {
	if of.Job == jobspec.Wildcard || of.Region == jobspec.Wildcard {
		// CROSS JOIN: from the newest on, and not job by job, which would have to sort.
		return collect(tx, scanExecution, `SELECT `+executionColumns+`
			FROM executions e CROSS JOIN jobs j ON j.id = e.job
			WHERE j.project = ?1 AND (?2 = '-' OR j.region = ?2) AND (?3 = '-' OR j.job = ?3) AND (e.deleted IS NULL OR ?4) AND e.id < ?5
			ORDER BY e.id DESC LIMIT ?6`, of.Project, of.Region, of.Job, deleted, before, limit)
	}
	job, err := tx.job(of)
	if err != nil {
		return nil, err
	}
	return collect(tx, scanExecution, `SELECT `+executionColumns+`
		FROM executions e WHERE e.job = ? AND (e.deleted IS NULL OR ?) AND e.id < ?
		ORDER BY e.id DESC LIMIT ?`, job.id, deleted, before, limit)
}

// unfinished returns every execution that has not ended.
func (tx *storeTx) unfinished() ([]*executionRow, error) {
	return collect(tx, scanExecution, `SELECT `+executionColumns+`
		FROM executions e WHERE e.`+isLive+` ORDER BY e.id`)
}

// activeExecutions returns those of a job that have not ended.
func (tx *storeTx) activeExecutions(job int64) ([]int64, error) {
	return collect(tx, func(row sqlite.Row) (id int64, err error) {
		return id, row.Scan(&id)
	}, `SELECT id FROM executions WHERE job = ? AND `+isLive, job)
}

// insertExecution stores a new execution of a job that is there, and its tasks, of
// which the first ones are claimed. Its name may be taken: see sqlite.Conflict.
//
// Deviation: the name of one that was deleted is free as soon as that has ended.
func (tx *storeTx) insertExecution(job int64, x *runpb.Execution, claimed int) (*executionRow, error) {
	blob, err := proto.Marshal(x)
	if err != nil {
		return nil, err
	}
	created := x.CreateTime.AsTime()
	row := &executionRow{state: pending, updated: created, counts: counts{tasks: int(x.TaskCount), running: claimed}, message: x}
	started := int64(0)
	if claimed > 0 {
		row.state, row.started, started = running, created, created.UnixNano()
	}
	err = tx.QueryRow(`INSERT INTO executions (job, name, state, created, updated, started, tasks, running, message)
		VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8) RETURNING id`,
		job, x.Name, row.state, created.UnixNano(), started, x.TaskCount, claimed, blob).Scan(&row.id)
	if err != nil {
		return nil, err
	}
	if _, err = tx.Exec(`INSERT INTO tasks (execution, task, state, started)
		WITH RECURSIVE n (i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1)
		SELECT ?2, i, iif(i < ?3, ?4, ?5), iif(i < ?3, ?6, 0) FROM n`,
		x.TaskCount, row.id, claimed, running, pending, created.UnixNano()); err != nil {
		return nil, err
	}
	return row, tx.change(`UPDATE jobs SET executions = executions + 1 WHERE id = ? AND deleted IS NULL`, job)
}

// withoutTasks takes the tasks of a new execution away, which then has none.
func (tx *storeTx) withoutTasks(id int64) error {
	if _, err := tx.Exec(`DELETE FROM tasks WHERE execution = ?`, id); err != nil {
		return err
	}
	return tx.change(`UPDATE executions SET tasks = 0 WHERE id = ? AND `+isPending, id)
}

// failExecution takes an execution without tasks from pending to failed, unless it
// was stopped.
func (tx *storeTx) failExecution(id int64, why string, now time.Time) error {
	return tx.change(`UPDATE executions SET state = ?1, failure = ?2, updated = ?3, completed = ?3
		WHERE id = ?4 AND stop = '' AND tasks = 0 AND `+isPending, failed, why, now.UnixNano(), id)
}

// hideExecution takes an execution out of sight.
func (tx *storeTx) hideExecution(id int64, now time.Time) error {
	if err := tx.change(`UPDATE executions SET deleted = ?1, updated = ?1 WHERE id = ?2 AND deleted IS NULL`, now.UnixNano(), id); err != nil {
		return err
	}
	return tx.change(`UPDATE jobs SET executions = executions - 1 WHERE id = (SELECT job FROM executions WHERE id = ?)`, id)
}

// stopExecution asks an active execution to end: its tasks that wait are
// cancelled, and no task is claimed any more. It does nothing to one that was
// asked before or has ended.
func (tx *storeTx) stopExecution(id int64, why stopReason, now time.Time) error {
	n, err := tx.Exec(`UPDATE executions SET stop = ?, updated = ?
		WHERE id = ? AND stop = '' AND `+isLive, why, now.UnixNano(), id)
	if err != nil || n == 0 {
		return err
	}
	waiting, err := tx.Exec(`UPDATE tasks SET state = ?, completed = ?
		WHERE execution = ? AND `+isPending, cancelled, now.UnixNano(), id)
	if err != nil {
		return err
	}
	x, err := tx.progress(id)
	if err != nil {
		return err
	}
	return tx.tally(x, delta{cancelled: int(waiting)}, now)
}
