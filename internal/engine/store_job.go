package engine

import (
	"errors"
	"path"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/sqlite"
)

// jobRow is a stored job.
type jobRow struct {
	id         int64
	executions int
	latest     latestExecution
	awaited    awaited
	unsettled  time.Duration // that its newest generation needs to take effect
	message    *runpb.Job
}

// awaited is the execution that a job's token started. Its state is empty if there is
// none.
type awaited struct {
	id      int64
	name    string
	state   state
	started time.Time
}

// latestExecution is the newest execution of a job. Its name is empty if there is none.
type latestExecution struct {
	name               string
	state              state
	created, completed time.Time
}

const jobColumns = `
	SELECT j.id, j.executions, j.message, k.id, k.name, k.state, k.started, e.name, e.state, e.created, e.completed
	FROM jobs j
	LEFT JOIN executions k ON k.id = j.awaits
	LEFT JOIN executions e ON e.id = (SELECT max(id) FROM executions INDEXED BY executions_shown_by_job WHERE job = j.id AND deleted IS NULL)`

func (tx *storeTx) scanJob(row sqlite.Row) (*jobRow, error) {
	var (
		r    jobRow
		blob []byte

		id, started *int64
		now         *state

		token              *string
		name               *string
		last               *state
		created, completed *int64
	)
	if err := row.Scan(&r.id, &r.executions, &blob, &id, &token, &now, &started, &name, &last, &created, &completed); err != nil {
		return nil, err
	}
	if id != nil {
		r.awaited = awaited{*id, *token, *now, timeAt(*started)}
	}
	if name != nil {
		r.latest = latestExecution{*name, *last, timeAt(*created), timeAt(*completed)}
	}
	tx.engine.currentExecutions(&r)
	r.unsettled = tx.engine.unsettled.left(r.id)
	var err error
	r.message, err = tx.engine.unmarshalJob(blob)
	return &r, err
}

// currentExecutions takes the state of a job's executions from memory: see
// [Engine.current].
func (e *Engine) currentExecutions(r *jobRow) {
	if a := e.live.find(r.awaited.id); a != nil {
		if v := a.version(); v != nil {
			r.awaited.state, r.awaited.started = v.state, v.started
		}
	}
	if a := e.live.named(r.latest.name); a != nil {
		v := a.version()
		r.latest.state, r.latest.completed = v.state, v.completed
	}
}

// job returns the job with a name that is not deleted, or NOT_FOUND.
func (tx *storeTx) job(name jobspec.JobName) (*jobRow, error) {
	row, err := tx.scanJob(tx.QueryRow(jobColumns+` WHERE j.project = ? AND j.region = ? AND j.job = ? AND j.deleted IS NULL`,
		name.Project, name.Region, name.Job))
	if errors.Is(err, sqlite.ErrNoRows) {
		return nil, noJob(name)
	}
	return row, err
}

// bareJob returns a job without the state of its executions. It is for transactions that
// write. They share its message and must not change it.
func (tx *storeTx) bareJob(name jobspec.JobName) (*jobRow, error) {
	if row := tx.engine.runJobs[name.String()]; row != nil {
		return row, nil
	}
	var (
		row  jobRow
		blob []byte
	)
	err := tx.QueryRow(`SELECT id, message FROM jobs WHERE project = ? AND region = ? AND job = ? AND deleted IS NULL`,
		name.Project, name.Region, name.Job).Scan(&row.id, &blob)
	if errors.Is(err, sqlite.ErrNoRows) {
		return nil, noJob(name)
	}
	if err != nil {
		return nil, err
	}
	if row.message, err = tx.engine.unmarshalJob(blob); err != nil {
		return nil, err
	}
	if len(tx.engine.runJobs) == maxCachedJobs {
		clear(tx.engine.runJobs)
	}
	tx.engine.runJobs[name.String()] = &row
	return &row, nil
}

func noJob(name jobspec.JobName) error { return missing("JOB", name.Job, name.Location) }

// missing is Cloud Run's error for a resource that does not exist.
func missing(kind, id string, at jobspec.Location) error {
	return runwith.Errorf(runwith.NotFound, "Resource '%.300s' of kind '%s' in region '%s' in project '%s' does not exist.", id, kind, at.Region, at.Project)
}

// exists is Cloud Run's error for a resource name that is taken.
func exists(name string) error {
	return runwith.Errorf(runwith.AlreadyExists, "Resource '%s' already exists.", path.Base(name))
}

func (tx *storeTx) jobByID(id int64) (*jobRow, error) {
	return tx.scanJob(tx.QueryRow(jobColumns+` WHERE j.id = ?`, id))
}

// awaitExecution makes the condition Ready of a job depend on an execution.
func (tx *storeTx) awaitExecution(job, execution int64) error {
	return tx.change(`UPDATE jobs SET awaits = ? WHERE id = ? AND deleted IS NULL`, execution, job)
}

// jobs returns at most limit jobs of a location after a key, by name, or of all regions if
// that is "-", by region and name.
func (tx *storeTx) jobs(at jobspec.Location, deleted bool, after jobKey, limit int) ([]*jobRow, error) {
	if at.Region == jobspec.Wildcard {
		return collect(tx, tx.scanJob, jobColumns+`
			WHERE j.project = ? AND (j.deleted IS NULL OR ?) AND (j.region, j.job, j.id) > (?, ?, ?)
			ORDER BY j.region, j.job, j.id LIMIT ?`, at.Project, deleted, after.region, after.job, after.id, limit)
	}
	return collect(tx, tx.scanJob, jobColumns+`
		WHERE j.project = ? AND j.region = ? AND (j.deleted IS NULL OR ?) AND (j.job, j.id) > (?, ?)
		ORDER BY j.job, j.id LIMIT ?`, at.Project, at.Region, deleted, after.job, after.id, limit)
}

// regions returns the regions with jobs of a project.
func (tx *storeTx) regions(project string) ([]string, error) {
	scan := func(row sqlite.Row) (region string, err error) {
		err = row.Scan(&region)
		return region, err
	}
	return collect(tx, scan, `SELECT DISTINCT region FROM jobs WHERE project = ? AND deleted IS NULL`, project)
}

// jobKey is the position of a job in a list.
type jobKey struct {
	region, job string
	id          int64
}

func (r *jobRow) key() jobKey {
	name, _ := jobspec.ParseJob(r.message.Name) // what is stored has a name
	return jobKey{name.Region, name.Job, r.id}
}

// insertJob stores a new job, or returns ALREADY_EXISTS.
func (tx *storeTx) insertJob(name jobspec.JobName, job *runpb.Job) (id int64, err error) {
	tx.forgetRunJob(job)
	blob, err := proto.Marshal(job)
	if err != nil {
		return 0, err
	}
	id, err = tx.Insert(`INSERT INTO jobs (project, region, job, message) VALUES (?, ?, ?, ?)`,
		name.Project, name.Region, name.Job, blob)
	if sqlite.Conflict(err) {
		return 0, exists(name.String())
	}
	return id, err
}

// dropToken removes the execution token from a job, because RunJob has started another
// execution. As on Cloud Run, sending the token again then asks for a new execution, whose
// name is taken. The generation stays. A job that has to wait for the success of the first
// execution still waits.
func (tx *storeTx) dropToken(row *jobRow) error {
	if row.message.CreateExecution == nil {
		return nil
	}
	job := proto.CloneOf(row.message)
	job.CreateExecution = nil
	err := tx.updateJob(row.id, job)
	if err == nil && row.message.GetStartExecutionToken() != "" {
		_, err = tx.Exec(`UPDATE jobs SET awaits = NULL WHERE id = ?`, row.id)
	}
	return err
}

// forgetRunJob drops a job that the transaction changes from the jobs that ran last: now,
// and at the end, because another transaction may read it in between, and this one may be
// rolled back.
func (tx *storeTx) forgetRunJob(job *runpb.Job) {
	forget := func(bool) { delete(tx.engine.runJobs, job.Name) }
	forget(false)
	tx.OnEnd(forget)
}

// updateJob replaces the stored message of a job.
func (tx *storeTx) updateJob(id int64, job *runpb.Job) error {
	tx.forgetRunJob(job)
	blob, err := proto.Marshal(job)
	if err != nil {
		return err
	}
	if err := tx.wakeWaiters(id); err != nil {
		return err
	}
	return tx.change(`UPDATE jobs SET message = ? WHERE id = ? AND deleted IS NULL`, blob, id)
}

// wakeWaiters wakes those who wait for an operation of a job that changes, which may be done then.
// They listen to the execution that the job awaits.
func (tx *storeTx) wakeWaiters(job int64) error {
	var awaited *int64
	if err := tx.QueryRow(`SELECT awaits FROM jobs WHERE id = ?`, job).Scan(&awaited); err != nil || awaited == nil {
		return err
	}
	tx.OnEnd(func(committed bool) {
		if committed {
			tx.engine.changes.Publish(*awaited)
		}
	})
	return nil
}

// deleteJob hides a job and its executions, and stops the active ones.
func (tx *storeTx) deleteJob(id int64, job *runpb.Job, now time.Time) error {
	if err := tx.updateJob(id, job); err != nil {
		return err
	}
	if err := tx.change(`UPDATE jobs SET deleted = ? WHERE id = ? AND deleted IS NULL`, now.UnixNano(), id); err != nil {
		return err
	}
	active, err := tx.activeExecutions(id)
	if err != nil {
		return err
	}
	for _, execution := range active {
		if err := tx.stopExecution(execution, stopDelete); err != nil {
			return err
		}
	}
	if _, err = tx.Exec(`UPDATE executions INDEXED BY executions_shown_by_job SET deleted = ? WHERE job = ? AND deleted IS NULL`, now.UnixNano(), id); err != nil {
		return err
	}
	for _, a := range tx.engine.live.ofJob(job.Name) {
		x := tx.edit(a)
		x.deleted = now
		x.hide()
	}
	tx.engine.lists.forget(tx, job.Name)
	return nil
}
