package engine

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/microtime"
)

// CreateJob stores a new job. It is ready at once, but the first answer does not show it;
// see firstAnswer.
// https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2#google.cloud.run.v2.Jobs.CreateJob
func (e *Engine) CreateJob(ctx context.Context, req *runpb.CreateJobRequest) (*longrunningpb.Operation, error) {
	name, err := createdName(req)
	if err != nil {
		return nil, err
	}
	job, err := e.prepareJob(name, req.Job)
	if err != nil {
		return nil, err
	}
	var r run
	return e.create(ctx, req.ValidateOnly, func(tx *storeTx) (*longrunningpb.Operation, error) {
		row, err := tx.createJob(name, job)
		if err != nil {
			return nil, err
		}
		tx.unsettle(ctx, row.id)
		return e.settle(tx, &r, row, "", req.ValidateOnly)
	})
}

// UpdateJob replaces a job. It creates a missing job if the request allows that.
// https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2#google.cloud.run.v2.Jobs.UpdateJob
func (e *Engine) UpdateJob(ctx context.Context, req *runpb.UpdateJobRequest) (*longrunningpb.Operation, error) {
	name, err := jobspec.ParseJob(req.GetJob().GetName())
	if err != nil {
		return nil, err
	}
	job, err := e.prepareJob(name, req.Job)
	if err != nil {
		return nil, err
	}
	var r run
	return e.change(ctx, req.ValidateOnly, func(tx *storeTx) (*longrunningpb.Operation, error) {
		row, before, err := tx.replaceJob(name, job, req.AllowMissing)
		if err != nil {
			return nil, err
		}
		tx.unsettle(ctx, row.id)
		return e.settle(tx, &r, row, before, req.ValidateOnly)
	})
}

// settle starts the execution that a job's token asks for, if the token is new, and stores
// the operation of the job's creation or update. The operation is done when the job is
// ready.
func (e *Engine) settle(tx *storeTx, r *run, row *jobRow, before string, dry bool) (*longrunningpb.Operation, error) {
	at, err := jobspec.ParseJob(row.message.Name)
	if err != nil {
		return nil, err
	}
	if token := tokenOf(row.message); token != "" && token != before {
		if err := e.room(); err != nil { // an update is no new work, but this is
			return nil, err
		}
		if err := e.insertRun(tx, r, runSpec{job: row, token: token, dry: dry}); err != nil {
			return nil, err
		}
		if err := tx.awaitExecution(row.id, r.created.id); err != nil {
			return nil, err
		}
	}
	if row, err = tx.jobByID(row.id); err != nil {
		return nil, err
	}
	op, err := tx.addJobOperation(at.Location, jobOperation, row)
	if err != nil || dry {
		return op, err
	}
	return firstAnswer(op, row.message)
}

// tokenOf returns the suffix of the execution that starts with a job, or "" if none does.
func tokenOf(job *runpb.Job) string {
	if token := job.GetStartExecutionToken(); token != "" {
		return token
	}
	return job.GetRunExecutionToken()
}

// createJob stores a new job.
func (tx *storeTx) createJob(name jobspec.JobName, job *runpb.Job) (row *jobRow, err error) {
	created(job, name, microtime.Of(time.Now()))
	row = &jobRow{message: job}
	row.id, err = tx.insertJob(name, job)
	return row, err
}

// replaceJob stores job as the newest generation of the job of that name. If there is none
// and create is set, it stores a new job. before is the token of the previous generation.
func (tx *storeTx) replaceJob(name jobspec.JobName, job *runpb.Job, create bool) (row *jobRow, before string, err error) {
	row, err = tx.job(name)
	switch {
	case create && runwith.CodeOf(err) == runwith.NotFound:
		if err := cmp.Or(jobspec.ValidateJobID(name.Job), tx.engine.room()); err != nil {
			return nil, "", err
		}
		row, err = tx.createJob(name, job)
		return row, "", err
	case err != nil:
		return nil, "", err
	}
	if err := checkEtag(job.Etag, row.etag()); err != nil {
		return nil, "", err
	}
	before = tokenOf(row.message)
	updated(job, row.message, microtime.Of(time.Now()))
	row.message = job
	return row, before, tx.updateJob(row.id, job)
}

// Job returns a job. Callers share it and must not change it.
func (e *Engine) Job(ctx context.Context, req *runpb.GetJobRequest) (*runpb.Job, error) {
	name, err := jobspec.ParseJob(req.Name)
	if err != nil {
		return nil, err
	}
	return e.jobs.read(e.db, req.Name, func() (job *runpb.Job, err error) {
		err = e.read(ctx, func(tx *storeTx) error {
			row, err := tx.job(name)
			if err != nil {
				return err
			}
			job = row.proto()
			return nil
		})
		return job, err
	})
}

// Jobs returns a page of a location's jobs, by name.
func (e *Engine) Jobs(ctx context.Context, req *runpb.ListJobsRequest) (*runpb.ListJobsResponse, error) {
	at, err := jobspec.ParseLocation(req.Parent)
	if err != nil {
		return nil, err
	}
	page, err := e.SelectJobs(ctx, Selection[*runpb.Job]{
		Of:      jobspec.ExecutionName{Job: jobspec.JobName{Location: at}},
		Deleted: req.ShowDeleted, Size: req.PageSize, Token: req.PageToken,
	})
	if err != nil {
		return nil, err
	}
	return &runpb.ListJobsResponse{Jobs: page.Items, NextPageToken: page.Next}, nil
}

// Regions returns the regions with jobs of a project, in no order.
func (e *Engine) Regions(ctx context.Context, project string) (regions []string, err error) {
	err = e.read(ctx, func(tx *storeTx) error {
		regions, err = tx.regions(project)
		return err
	})
	return regions, err
}

// DeleteJob hides a job and stops its executions. Its operation is done when they have
// ended, but never in the first answer; see firstAnswer. A deletion is a generation.
// https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2#google.cloud.run.v2.Jobs.DeleteJob
func (e *Engine) DeleteJob(ctx context.Context, req *runpb.DeleteJobRequest) (*longrunningpb.Operation, error) {
	name, err := jobspec.ParseJob(req.Name)
	if err != nil {
		return nil, err
	}
	op, err := e.change(ctx, req.ValidateOnly, func(tx *storeTx) (*longrunningpb.Operation, error) {
		row, err := tx.job(name)
		if err != nil {
			return nil, err
		}
		if err := checkEtag(req.Etag, row.etag()); err != nil {
			return nil, err
		}
		now := microtime.Of(time.Now())
		row.message.DeleteTime, row.message.UpdateTime = timestamppb.New(now), timestamppb.New(now)
		row.message.ExpireTime = timestamppb.New(now.Add(deletedFor))
		row.message.Generation++
		row.message.ObservedGeneration = row.message.Generation
		tx.unsettle(ctx, row.id)
		if err := tx.deleteJob(row.id, row.message, now); err != nil {
			return nil, err
		}
		op, err := tx.addJobOperation(name.Location, deleteOperation, row)
		if err != nil || req.ValidateOnly {
			return op, err
		}
		return firstAnswer(op, row.message)
	})
	if err == nil && !req.ValidateOnly {
		e.tidySoon()
	}
	return op, err
}

// createdName returns the name that a create request gives its job.
func createdName(req *runpb.CreateJobRequest) (jobspec.JobName, error) {
	at, err := jobspec.ParseLocation(req.Parent)
	if err != nil {
		return jobspec.JobName{}, err
	}
	if err := jobspec.ValidateJobID(req.JobId); err != nil {
		return jobspec.JobName{}, err
	}
	name := jobspec.JobName{Location: at, Job: req.JobId}
	if given := req.GetJob().GetName(); given != "" && given != name.String() {
		return jobspec.JobName{}, jobspec.FieldErrorf(runwith.InvalidArgument, "job.name",
			"is %q, must be empty or %q, which parent and job_id say", given, name)
	}
	return name, nil
}

// prepareJob returns a caller's job without its output-only fields, checked and with
// defaults.
func (e *Engine) prepareJob(name jobspec.JobName, given *runpb.Job) (*runpb.Job, error) {
	if given == nil {
		return nil, jobspec.FieldErrorf(runwith.InvalidArgument, "job", "is required")
	}
	job := proto.CloneOf(given)
	jobspec.ClearOutputOnly(job)
	job.Name, job.Etag = name.String(), given.Etag
	if err := jobspec.ValidateJob(job); err != nil {
		return nil, err
	}
	e.complete(job)
	return job, nil
}

// complete sets the fields that Cloud Run fills in if a caller leaves them out.
//
// Deviation: every caller counts as the engine's own account, because the engine
// authenticates nobody.
func (e *Engine) complete(job *runpb.Job) {
	jobspec.Defaults(job)
	jobspec.DefaultAccount(job, e.account)
	job.Creator = cmp.Or(job.Creator, e.account)
	job.LastModifier = cmp.Or(job.LastModifier, e.account)
}

// created sets the server's fields of a new job.
//
// Deviation: an etag is ignored, because there is nothing to compare it with.
func created(job *runpb.Job, name jobspec.JobName, now time.Time) {
	job.Name = name.String()
	job.Uid = uuid.NewString()
	job.Generation, job.ObservedGeneration = 1, 1
	job.CreateTime, job.UpdateTime = timestamppb.New(now), timestamppb.New(now)
	job.Etag = ""
}

// updated sets the fields that a job keeps from its previous generation.
//
// Deviation: an update without a change makes a new generation too.
func updated(job, old *runpb.Job, now time.Time) {
	job.Name, job.Uid, job.CreateTime = old.Name, old.Uid, old.CreateTime
	job.Creator = old.Creator
	job.UpdateTime = timestamppb.New(now)
	job.Generation = old.Generation + 1
	job.ObservedGeneration = job.Generation
	job.Etag = ""
}

// proto returns the job as clients see it. It changes the row's own message, which must
// not be stored afterwards.
func (r *jobRow) proto() *runpb.Job {
	if r.unsettled > 0 {
		return reconciling(r.settled())
	}
	return r.settled()
}

// settled is proto for a job whose newest generation has taken effect.
func (r *jobRow) settled() *runpb.Job {
	job := r.message
	job.TerminalCondition = r.ready()
	job.Reconciling = job.TerminalCondition.State == runpb.Condition_CONDITION_RECONCILING
	job.ExecutionCount = int32(r.executions)
	job.Etag = r.etag()
	job.LatestCreatedExecution = r.latest.reference()
	return job
}

// ready returns the condition Ready of a job. If the job's token starts an execution, the
// job is ready when that has started or succeeded, as the token demands.
func (r *jobRow) ready() *runpb.Condition {
	c := &runpb.Condition{Type: readyCondition, State: runpb.Condition_CONDITION_SUCCEEDED, LastTransitionTime: r.message.UpdateTime}
	begun := !r.awaited.started.IsZero() && r.message.GetStartExecutionToken() != ""
	switch state := r.awaited.state; {
	case state == "" || state == succeeded || begun:
	case state.terminal():
		c.State = runpb.Condition_CONDITION_FAILED
		c.Message = fmt.Sprintf("Execution %s %s.", jobID(r.awaited.name), state)
	default:
		c.State = runpb.Condition_CONDITION_RECONCILING
	}
	return c
}

func (r *jobRow) etag() string { return etagOf(r.message.UpdateTime.AsTime(), r.message.Generation) }

func jobID(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
