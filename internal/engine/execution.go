package engine

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith/internal/jobspec"
)

// Execution returns an execution as it stands now. Callers must not change it.
func (e *Engine) Execution(ctx context.Context, req *runpb.GetExecutionRequest) (*runpb.Execution, error) {
	name, err := jobspec.ParseExecution(req.Name)
	if err != nil {
		return nil, err
	}
	if a := e.live.named(req.Name); a != nil {
		return e.show(a.version()), nil
	}
	var x *runpb.Execution
	err = e.read(ctx, func(tx *storeTx) error {
		row, err := tx.execution(name)
		if err != nil {
			return err
		}
		x = e.show(e.current(row))
		return nil
	})
	return x, err
}

// ExecutionNamed returns the execution with an ID in a location, of any job. Callers must
// not change it.
func (e *Engine) ExecutionNamed(ctx context.Context, at jobspec.Location, id string) (*runpb.Execution, error) {
	var x *runpb.Execution
	err := e.read(ctx, func(tx *storeTx) error {
		row, err := tx.executionNamed(at, id)
		if err != nil {
			return err
		}
		x = e.show(e.current(row))
		return nil
	})
	return x, err
}

// current returns the version in memory of an execution that was read from the store, so
// that no caller sees an older version than an earlier caller. An execution that was
// deleted in between stays as it was read, because the reader selects by that.
func (e *Engine) current(row *executionRow) *version {
	if a := e.live.find(row.id); a != nil {
		if v := a.version(); v != nil && v.deleted.IsZero() == row.deleted.IsZero() {
			return v
		}
	}
	return versionOf(row)
}

// Executions returns a page of a job's executions, newest first, or of the executions of
// all jobs if the job is "-".
func (e *Engine) Executions(ctx context.Context, req *runpb.ListExecutionsRequest) (*runpb.ListExecutionsResponse, error) {
	of, err := jobspec.ParseJobWildcard(req.Parent)
	if err != nil {
		return nil, err
	}
	page, err := e.SelectExecutions(ctx, Selection[*runpb.Execution]{
		Of: of.Execution(jobspec.Wildcard), Deleted: req.ShowDeleted, Size: req.PageSize, Token: req.PageToken,
	})
	if err != nil {
		return nil, err
	}
	return &runpb.ListExecutionsResponse{Executions: page.Items, NextPageToken: page.Next}, nil
}

// proto returns the execution as clients see it. It shares the fields that never change
// with the row.
func (r *executionRow) proto() *runpb.Execution {
	m := r.message
	x := &runpb.Execution{
		Name: m.Name, Uid: m.Uid, Creator: m.Creator, Generation: m.Generation, ObservedGeneration: m.ObservedGeneration,
		Labels: m.Labels, Annotations: r.annotations(), CreateTime: m.CreateTime, LaunchStage: m.LaunchStage, Job: m.Job,
		Client: m.Client, ClientVersion: m.ClientVersion,
		Parallelism: int32(widthOf(m)), TaskCount: m.TaskCount, Template: m.Template, SatisfiesPzs: m.SatisfiesPzs,

		UpdateTime:     timestamppb.New(r.updated),
		StartTime:      timestamp(r.started),
		CompletionTime: timestamp(r.completed),
		LogUri:         logURI(m, allTasks),
		Reconciling:    !r.state.terminal(),
		RunningCount:   int32(r.counts.running),
		SucceededCount: int32(r.counts.succeeded),
		FailedCount:    int32(r.counts.failed),
		CancelledCount: int32(r.counts.cancelled),
		RetriedCount:   int32(r.counts.retried),
		Conditions:     r.conditions(),
		Etag:           etagOf(r.updated, m.Generation),
	}
	if !r.deleted.IsZero() {
		x.DeleteTime, x.ExpireTime = timestamppb.New(r.deleted), timestamppb.New(r.deleted.Add(deletedFor))
	}
	return x
}

// allTasks stands for every task of an execution.
const allTasks = -1

// logURI returns the page of Google's console with the output of an execution, or of one
// of its tasks.
//
// Deviation: the page shows nothing, because Google's console does not know this machine.
func logURI(x *runpb.Execution, task int) string {
	name, err := jobspec.ParseExecution(x.Name)
	if err != nil {
		return ""
	}
	filter := fmt.Sprintf(`resource.type="cloud_run_job" resource.labels.job_name=%q resource.labels.location=%q labels."run.googleapis.com/execution_name"=%q`,
		name.Job.Job, name.Job.Region, name.Execution)
	if task != allTasks {
		filter += fmt.Sprintf(` labels."run.googleapis.com/task_index"="%d"`, task)
	}
	return "https://console.cloud.google.com/logs/viewer?advancedFilter=" + url.QueryEscape(filter) + "&project=" + url.QueryEscape(name.Job.Project)
}

// reference returns the field latest_created_execution of a job. Cloud Run sets it even if
// the job has no execution; clients rely on that.
func (r latestExecution) reference() *runpb.ExecutionReference {
	if r.name == "" {
		return &runpb.ExecutionReference{}
	}
	status := map[state]runpb.ExecutionReference_CompletionStatus{
		pending:   runpb.ExecutionReference_EXECUTION_PENDING,
		running:   runpb.ExecutionReference_EXECUTION_RUNNING,
		succeeded: runpb.ExecutionReference_EXECUTION_SUCCEEDED,
		failed:    runpb.ExecutionReference_EXECUTION_FAILED,
		cancelled: runpb.ExecutionReference_EXECUTION_CANCELLED,
	}
	return &runpb.ExecutionReference{
		Name:             r.name,
		CreateTime:       timestamppb.New(r.created),
		CompletionTime:   timestamp(r.completed),
		CompletionStatus: status[r.state],
	}
}

func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
