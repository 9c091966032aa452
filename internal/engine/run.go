package engine

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/sqlite"
)

// RunJob starts an execution of a job, with overrides that change a copy of its
// template and never the job. When it returns, the execution is on disk and will
// run, whatever happens to this process.
//
// Deviation: any number of executions may run; tasks for which there is no place
// wait for one.
//
// See https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2#google.cloud.run.v2.Jobs.RunJob.
func (e *Engine) RunJob(ctx context.Context, req *runpb.RunJobRequest) (*longrunningpb.Operation, error) {
	name, err := jobspec.ParseJob(req.Name)
	if err != nil {
		return nil, err
	}
	var r run
	op, err := e.change(ctx, req.ValidateOnly, func(tx *storeTx) (*longrunningpb.Operation, error) {
		job, err := tx.bareJob(name)
		if err != nil {
			return nil, err
		}
		if err := checkEtag(req.Etag, job.etag()); err != nil {
			return nil, err
		}
		if err := e.insertRun(tx, &r, runSpec{job: job, overrides: req.Overrides, dry: req.ValidateOnly}); err != nil {
			return nil, err
		}
		return tx.addExecutionOperation(name.Location, runOperation, r.row)
	})
	if req.ValidateOnly {
		return op, err
	}
	if err == nil && r.active != nil {
		e.scheduler.name(r.active, op.Name)
	}
	return op, e.begin(&r, err)
}

// run is an execution on its way from the transaction that creates it to the
// scheduler.
type run struct {
	row      *executionRow
	active   *active     // nil where no execution is to begin
	tasks    []placement // its first ones, that were claimed
	reserved int         // places for them
	fault    Fault
	prepares bool // before its tasks are placed
}

// runSpec is what to run.
type runSpec struct {
	job       *jobRow
	overrides *runpb.RunJobRequest_Overrides
	token     string // suffix of the execution's name; empty for five random characters
	dry       bool   // will be taken back
}

// insertRun stores an execution of a job. Tasks for which there is room are claimed
// in the same commit.
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
	if !spec.dry && !r.prepares && !r.fault.holds() {
		r.reserved = e.scheduler.reserve(widthOf(x))
	}
	if spec.token == "" {
		r.row, err = tx.insertNamed(spec.job.id, name, x, r.reserved)
	} else {
		x.Name = name.Execution(name.Job + "-" + spec.token).String()
		r.row, err = tx.insertExecution(spec.job.id, x, r.reserved)
	}
	switch {
	case sqlite.Conflict(err):
		return runwith.Errorf(runwith.AlreadyExists, "execution %s exists already: use another token", x.Name)
	case err != nil || spec.dry:
		return err
	}
	if err := e.insertFault(tx, r); err != nil {
		return err
	}
	// Known before anybody else can see it, so that whoever stops it does.
	tasks := firstPlacements(r.row.counts.tasks, r.reserved)
	r.active, r.tasks = e.activate(r.row.id, x, tasks[r.reserved:]), tasks[:r.reserved]
	e.scheduler.register(r.active, r.reserved)
	return nil
}

// begin has the scheduler place a run, once it is on disk; err says that it is not.
func (e *Engine) begin(r *run, err error) error {
	switch {
	case err != nil:
		if r.active != nil {
			e.scheduler.remove(r.active)
		}
		e.scheduler.release(r.reserved)
	case r.active != nil && r.fault.StartAfter > 0:
		e.addLater(r.active, r.fault.StartAfter)
	case r.active != nil && r.prepares && !r.fault.NoTasks:
		e.prepare(r.active)
	case r.active != nil:
		e.scheduler.add(r.active, r.tasks...)
	}
	return err
}

// newExecution freezes a job's template with the overrides applied.
//
// Deviation: what the runner cannot place is refused, and there is no execution; on
// Cloud Run one can fail before it has a task.
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
		CreateTime:         timestamppb.New(time.Now()),
		LaunchStage:        job.LaunchStage,
		Job:                jobID(job.Name), // Deviation: an ID, no resource name
		Parallelism:        template.Parallelism,
		TaskCount:          template.TaskCount,
		Template:           template.Template,
	}, nil
}

// insertNamed stores an execution under a name that no other has.
func (tx *storeTx) insertNamed(job int64, name jobspec.JobName, x *runpb.Execution, claimed int) (row *executionRow, err error) {
	for range 10 {
		x.Name = name.Execution(executionID(name.Job)).String()
		if row, err = tx.insertExecution(job, x, claimed); !sqlite.Conflict(err) {
			return row, err
		}
	}
	return nil, fmt.Errorf("find a free name for an execution of %s: %w", name, err)
}

// executionID is a job's ID and five random letters or digits, as Cloud Run names
// its executions.
func executionID(job string) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	var suffix [5]byte
	_, _ = rand.Read(suffix[:]) // never fails
	for i, b := range suffix {
		suffix[i] = alphabet[int(b)%len(alphabet)]
	}
	return fmt.Sprintf("%s-%s", job, suffix[:])
}

// activate makes an execution known to the scheduler's side of the engine.
func (e *Engine) activate(id int64, x *runpb.Execution, ready []placement) *active {
	a := &active{id: id, execution: x, ready: ready, width: widthOf(x), ended: make(chan struct{})}
	a.ctx, a.cancel = context.WithCancelCause(e.ctx)
	return a
}

// widthOf is how many of an execution's tasks may run at once.
func widthOf(x *runpb.Execution) int {
	return jobspec.EffectiveParallelism(&runpb.ExecutionTemplate{Parallelism: x.Parallelism, TaskCount: x.TaskCount})
}

// firstPlacements are the tasks of a new execution, of which the first ones are
// claimed.
func firstPlacements(tasks, claimed int) []placement {
	if tasks == 0 {
		return []placement{{task: noTask}}
	}
	all := make([]placement, tasks)
	for i := range all {
		all[i] = placement{task: i, claimed: i < claimed}
	}
	return all
}
