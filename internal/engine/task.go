package engine

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/uuid"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// Task returns a task of an execution.
func (e *Engine) Task(ctx context.Context, req *runpb.GetTaskRequest) (*runpb.Task, error) {
	name, err := jobspec.ParseTask(req.Name)
	if err != nil {
		return nil, err
	}
	if a := e.live.named(name.Execution.String()); a != nil {
		if row := a.task(name.Index); row != nil {
			return e.showTask(row), nil
		}
	}
	var task *runpb.Task
	err = e.read(ctx, func(tx *storeTx) error {
		row, err := tx.task(name)
		if err != nil {
			return err
		}
		task = e.showTask(row)
		return nil
	})
	return task, err
}

// currentTask returns the version in memory of a task that was read from the store: see
// [Engine.current].
func (e *Engine) currentTask(row *taskRow) *taskRow {
	if a := e.live.find(row.execution.id); a != nil {
		if now := a.task(row.task); now != nil && now.execution.deleted.IsZero() == row.execution.deleted.IsZero() {
			return now
		}
	}
	return row
}

// TaskNamed returns the task with an ID in a location, of any execution.
func (e *Engine) TaskNamed(ctx context.Context, at jobspec.Location, id string) (*runpb.Task, error) {
	var task *runpb.Task
	err := e.read(ctx, func(tx *storeTx) error {
		row, err := tx.taskNamed(at, id)
		if err != nil {
			return err
		}
		task = e.showTask(e.currentTask(row))
		return nil
	})
	return task, err
}

// Tasks returns a page of an execution's tasks by index. If the execution or its job is
// "-", the page goes through the executions, newest first.
func (e *Engine) Tasks(ctx context.Context, req *runpb.ListTasksRequest) (*runpb.ListTasksResponse, error) {
	of, err := jobspec.ParseExecutionWildcard(req.Parent)
	if err != nil {
		return nil, err
	}
	page, err := e.SelectTasks(ctx, Selection[*runpb.Task]{
		Of: of, Deleted: req.ShowDeleted, Size: req.PageSize, Token: req.PageToken,
	})
	if err != nil {
		return nil, err
	}
	return &runpb.ListTasksResponse{Tasks: page.Items, NextPageToken: page.Next}, nil
}

// taskRow is a stored task with its execution.
type taskRow struct {
	execution          *executionRow
	task               int
	state              state
	attempt            int
	started, completed time.Time
	last               lastAttempt
	waiting            string // why its attempt does not run yet; empty if it runs, or for no known reason
}

// lastAttempt is the end of a task's latest attempt that ended.
type lastAttempt struct {
	exitCode, signal int
	code             runwith.Code
	status           string
}

// proto returns the task as clients see it.
//
// Deviation: the uid is derived, so that 10,000 tasks need not store one each; job and
// execution are IDs instead of resource names; the scheduled time is the start time, which
// is when the task got its place. If the task waits for a machine, it has not started.
func (r *taskRow) proto() *runpb.Task {
	x, template := r.execution.message, r.execution.message.Template
	updated, started := r.execution.message.CreateTime.AsTime(), timestamp(r.started)
	if r.waiting != "" {
		started = nil
	}
	for _, t := range []time.Time{r.started, r.completed} {
		if t.After(updated) {
			updated = t
		}
	}
	return &runpb.Task{
		Name:                       x.Name + "/tasks/" + r.id(),
		Uid:                        uuid.NewSHA1(uuid.MustParse(x.Uid), []byte(strconv.Itoa(r.task))).String(),
		Generation:                 1,
		ObservedGeneration:         1,
		Labels:                     x.Labels,
		Annotations:                x.Annotations,
		CreateTime:                 x.CreateTime,
		ScheduledTime:              timestamp(r.started),
		StartTime:                  started,
		CompletionTime:             timestamp(r.completed),
		UpdateTime:                 timestamppb.New(updated),
		DeleteTime:                 timestamp(r.execution.deleted),
		Job:                        x.Job,
		Execution:                  r.execution.shortID(),
		Containers:                 template.Containers,
		Volumes:                    template.Volumes,
		MaxRetries:                 template.GetMaxRetries(),
		Timeout:                    template.Timeout,
		ServiceAccount:             template.ServiceAccount,
		ExecutionEnvironment:       template.ExecutionEnvironment,
		EncryptionKey:              template.EncryptionKey,
		VpcAccess:                  template.VpcAccess,
		NodeSelector:               template.NodeSelector,
		GpuZonalRedundancyDisabled: template.GpuZonalRedundancyDisabled,
		WorkloadIdentityConfig:     template.WorkloadIdentityConfig,
		Sandboxes:                  template.Sandboxes,
		Reconciling:                !r.state.terminal(),
		Conditions:                 r.conditions(),
		Index:                      int32(r.task),
		Retried:                    int32(r.attempt),
		LastAttemptResult:          r.lastAttemptResult(),
		LogUri:                     logURI(x, r.task),
		Etag:                       etagOf(updated, int64(r.attempt)),
	}
}

// id returns the task's ID, EXECUTION-taskN.
func (r *taskRow) id() string { return fmt.Sprintf("%s-task%d", r.execution.shortID(), r.task) }

// lastAttemptResult returns nil until an attempt has ended.
//
// Deviation: term_signal reports every signal but SIGKILL, whoever sent it; Cloud Run sets
// it if the system ended the container.
func (r *taskRow) lastAttemptResult() *runpb.TaskAttemptResult {
	if !r.state.terminal() && r.attempt == 0 || r.state == cancelled && r.started.IsZero() {
		return nil
	}
	result := &runpb.TaskAttemptResult{Status: &statuspb.Status{Code: int32(r.last.code), Message: r.last.status}}
	switch {
	case r.last.signal == sigkill:
		result.ExitCode = 128 + sigkill // as Cloud Run reports it
	case r.last.signal != 0:
		result.TermSignal = int32(r.last.signal)
	default:
		result.ExitCode = int32(r.last.exitCode)
	}
	return result
}

const sigkill = 9
