package v1

import (
	"context"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/knative"
	"github.com/runwith/runwith/internal/jobspec"
)

// getExecution returns an execution. Its path does not name the job.
// https://cloud.google.com/run/docs/reference/rest/v1/namespaces.executions/get
func (a *API) getExecution(ctx context.Context, r *Request) (any, error) {
	x, err := a.execution(ctx, r)
	if err != nil {
		return nil, err
	}
	return a.showExecution(x), nil
}

// execution finds the execution that a request without parameters names.
func (a *API) execution(ctx context.Context, r *Request) (*runpb.Execution, error) {
	at, err := a.place(r)
	if err != nil {
		return nil, err
	}
	if err := nothingElse(r.Query); err != nil {
		return nil, err
	}
	return a.Engine.ExecutionNamed(ctx, at, r.Path["name"])
}

func (a *API) showExecution(x *runpb.Execution) *knative.Execution {
	name, _ := jobspec.ParseExecution(x.GetName()) // stored executions have a valid name
	return knative.FromExecution(x, a.namespace(name.Job.Project))
}

// executionOf returns the execution in an operation.
func (a *API) executionOf(op *longrunningpb.Operation) (any, error) {
	x, err := metadataOf(op, &runpb.Execution{})
	return a.showExecution(x), err
}

// listExecutions returns a page of executions, newest first.
// https://cloud.google.com/run/docs/reference/rest/v1/namespaces.executions/list
func (a *API) listExecutions(ctx context.Context, r *Request) (any, error) {
	at, err := a.everywhere(r)
	if err != nil {
		return nil, err
	}
	q, err := readList(r.Query)
	if err != nil {
		return nil, err
	}
	of := jobspec.JobName{Location: at, Job: q.label(knative.LabelJob)}.Execution("")
	return list(ctx, q, of, listing[*runpb.Execution, *knative.Execution]{
		kind:   knative.KindExecutionsList,
		labels: knative.ExecutionLabels,
		page:   a.Engine.SelectExecutions,
		show:   a.showExecution,
	})
}

// cancelExecution cancels an execution and returns its state after that.
// https://cloud.google.com/run/docs/reference/rest/v1/namespaces.executions/cancel
func (a *API) cancelExecution(ctx context.Context, r *Request) (any, error) {
	if err := knative.Unmarshal(r.Body, &knative.CancelExecutionRequest{}); err != nil {
		return nil, err
	}
	x, err := a.execution(ctx, r)
	if err != nil {
		return nil, err
	}
	op, err := a.Engine.CancelExecution(ctx, &runpb.CancelExecutionRequest{Name: x.GetName()})
	if err != nil {
		return nil, err
	}
	return a.executionOf(op)
}

// deleteExecution deletes an execution with its output, and stops it if it runs.
// https://cloud.google.com/run/docs/reference/rest/v1/namespaces.executions/delete
func (a *API) deleteExecution(ctx context.Context, r *Request) (any, error) {
	ignored(r.Query, "apiVersion", "kind", "propagationPolicy")
	x, err := a.execution(ctx, r)
	if err != nil {
		return nil, err
	}
	if _, err := a.Engine.DeleteExecution(ctx, &runpb.DeleteExecutionRequest{Name: x.GetName()}); err != nil {
		return nil, err
	}
	return deleted("executions", r.Path["name"], x.GetUid()), nil
}
