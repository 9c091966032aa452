package engine

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/uuid"

	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/microtime"
	"github.com/runwith/runwith/internal/sqlite"
)

// RunJob starts an execution of a job. Overrides change a copy of the job's template and
// never the job. When RunJob returns, the execution is on disk and will run, even if this
// process dies.
//
// Deviation: any number of executions may run; tasks without a place wait for one.
//
// See https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2#google.cloud.run.v2.Jobs.RunJob.
func (e *Engine) RunJob(ctx context.Context, req *runpb.RunJobRequest) (*longrunningpb.Operation, error) {
	name, err := jobspec.ParseJob(req.Name)
	if err != nil {
		return nil, err
	}
	var r run
	var operation string
	err = e.apply(ctx, e.add, req.ValidateOnly, func(tx *storeTx) error {
		job, err := tx.bareJob(name)
		if err != nil {
			return err
		}
		if err := checkEtag(req.Etag, job.etag()); err != nil {
			return err
		}
		if err := e.insertRun(tx, &r, runSpec{job: job, overrides: req.Overrides, dry: req.ValidateOnly}); err != nil {
			return err
		}
		if err := tx.dropToken(job); err != nil {
			return err
		}
		operation, err = tx.addExecutionOperation(name.Location, runOperation, r.created)
		return err
	})
	if err != nil {
		return nil, err
	}
	// The answer is made after the commit, while the first task starts.
	op, err := e.operationOn(r.created, operation, runOperation)
	return answerTo(req.ValidateOnly, op, err)
}

// run is an execution between the transaction that creates it and the scheduler.
type run struct {
	created  *version
	active   *active     // nil if none is to begin
	tasks    []placement // its first ones, which are claimed
	fault    Fault
	prepares bool // before its tasks are placed
}

// runSpec describes the execution to create.
type runSpec struct {
	job       *jobRow
	overrides *runpb.RunJobRequest_Overrides
	token     string // suffix of the execution's name; empty for five random characters
	dry       bool   // will be taken back
}

// insertRun stores an execution of a job. Tasks that find a free place are claimed in
// the same commit.
func (e *Engine) insertRun(tx *storeTx, r *run, spec runSpec) error {
	name, err := jobspec.ParseJob(spec.job.message.Name)
	if err != nil {
		return err
	}
	x, err := e.newExecution(spec.job.message, spec.overrides)
	if err != nil {
		return err
	}
	r.fault, r.prepares = e.faultOf(spec), e.prepares(x)
	tasks, places := int(x.TaskCount), 0
	if r.fault.NoTasks {
		tasks = 0
	}
	if !spec.dry && !r.prepares && !r.fault.holds() {
		places = e.reserve(tx, widthOf(x))
	}
	var row *executionRow
	if spec.token == "" {
		row, err = tx.insertNamed(spec.job.id, name, x, tasks, places)
	} else {
		x.Name = name.Execution(name.Job + "-" + spec.token).String()
		row, err = tx.insertExecution(spec.job.id, x, tasks, places)
	}
	switch {
	case sqlite.Conflict(err):
		return exists(x.Name)
	case err != nil:
		return err
	}
	if r.created = versionOf(row); spec.dry {
		return nil
	}
	e.delayListing(x.Uid, r.fault)
	r.active, r.tasks = e.activate(row, newTasks(tasks, places, x.CreateTime.AsTime())), claimedPlacements(places)
	r.active.wait(places)
	e.hold(tx, r)
	return nil
}

// reserve takes up to n places for the first tasks of an execution that a transaction
// stores, and gives them back if it is not stored.
func (e *Engine) reserve(tx *storeTx, n int) int {
	places := e.scheduler.reserve(n)
	tx.OnEnd(func(committed bool) {
		if !committed {
			e.scheduler.release(places)
		}
	})
	return places
}

// hold keeps an execution in memory that a transaction stores. Later transactions know
// it at once; clients know it when it is on disk. Then its tasks begin.
func (e *Engine) hold(tx *storeTx, r *run) {
	a, created := r.active, r.created
	e.live.add(a)
	tx.OnEnd(func(committed bool) {
		if !committed {
			e.live.remove(a)
			a.cancel(nil)
			return
		}
		a.set(created, nil)
		if a.row.deleted.IsZero() {
			e.live.show(a)
		}
		e.report(a, nil)
		e.begin(r)
	})
}

// begin hands a run that is on disk to the scheduler.
func (e *Engine) begin(r *run) {
	switch {
	case r.fault.StartAfter > 0:
		e.addLater(r.active, r.fault.StartAfter)
	case r.prepares && !r.fault.NoTasks:
		e.prepare(r.active)
	default:
		e.scheduler.add(r.active, r.tasks...)
	}
}

// newExecution returns an execution with a frozen copy of the job's template and the
// overrides applied.
//
// Deviation: a template that the runner cannot place is refused, and there is no
// execution; on Cloud Run the execution can fail before it has a task.
func (e *Engine) newExecution(job *runpb.Job, overrides *runpb.RunJobRequest_Overrides) (*runpb.Execution, error) {
	template, err := jobspec.ApplyOverrides(job.Template, overrides)
	if err != nil {
		return nil, err
	}
	if err := e.runner.Check(template.Template); err != nil {
		return nil, err
	}
	return &runpb.Execution{
		Uid:                uuid.NewString(),
		Generation:         1,
		ObservedGeneration: 1,
		Labels:             template.Labels,
		Annotations:        template.Annotations,
		CreateTime:         microtime.New(time.Now()),
		LaunchStage:        job.LaunchStage,
		Client:             template.Client,
		ClientVersion:      template.ClientVersion,
		Job:                jobID(job.Name), // Deviation: an ID, no resource name
		Creator:            e.account,
		Parallelism:        int32(jobspec.EffectiveParallelism(template)),
		TaskCount:          template.TaskCount,
		Template:           template.Template,
	}, nil
}

// insertNamed stores an execution under a name that is free.
func (tx *storeTx) insertNamed(job int64, name jobspec.JobName, x *runpb.Execution, tasks, claimed int) (row *executionRow, err error) {
	for range 10 {
		x.Name = name.Execution(executionID(name.Job)).String()
		if row, err = tx.insertExecution(job, x, tasks, claimed); !sqlite.Conflict(err) {
			return row, err
		}
	}
	return nil, fmt.Errorf("find a free name for an execution of %s: %w", name, err)
}

// executionID returns a job's ID with five random letters or digits, as Cloud Run names
// executions.
func executionID(job string) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	var suffix [5]byte
	_, _ = rand.Read(suffix[:]) // never fails
	for i, b := range suffix {
		suffix[i] = alphabet[int(b)%len(alphabet)]
	}
	return fmt.Sprintf("%s-%s", job, suffix[:])
}

// widthOf returns how many of an execution's tasks may run at once.
func widthOf(x *runpb.Execution) int {
	return jobspec.EffectiveParallelism(&runpb.ExecutionTemplate{Parallelism: x.Parallelism, TaskCount: x.TaskCount})
}

// claimedPlacements returns the placements of the first tasks of a new execution, which
// are claimed.
func claimedPlacements(n int) []placement {
	all := make([]placement, n)
	for i := range all {
		all[i] = placement{task: i, claimed: true}
	}
	return all
}
