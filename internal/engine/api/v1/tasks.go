package v1

import (
	"context"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/knative"
	"github.com/runwith/runwith/internal/jobspec"
)

// getTask returns a task. Its path names neither the execution nor the job.
// https://cloud.google.com/run/docs/reference/rest/v1/namespaces.tasks/get
func (a *API) getTask(ctx context.Context, r *Request) (any, error) {
	at, err := a.place(r)
	if err != nil {
		return nil, err
	}
	if err := nothingElse(r.Query); err != nil {
		return nil, err
	}
	task, err := a.Engine.TaskNamed(ctx, at, r.Path["name"])
	if err != nil {
		return nil, err
	}
	return a.showTask(task), nil
}

func (a *API) showTask(task *runpb.Task) *knative.Task {
	name, _ := jobspec.ParseTask(task.GetName()) // stored tasks have a valid name
	return knative.FromTask(task, a.namespace(name.Execution.Job.Project))
}

// listTasks returns a page of tasks: by execution, newest first, and within it by index.
// https://cloud.google.com/run/docs/reference/rest/v1/namespaces.tasks/list
func (a *API) listTasks(ctx context.Context, r *Request) (any, error) {
	at, err := a.everywhere(r)
	if err != nil {
		return nil, err
	}
	q, err := readList(r.Query)
	if err != nil {
		return nil, err
	}
	of := jobspec.JobName{Location: at, Job: q.label(knative.LabelJob)}.Execution(q.label(knative.LabelExecution))
	if of.Execution != jobspec.Wildcard {
		found, err := a.executionsNamed(ctx, at, of.Execution)
		switch {
		case err != nil:
			return nil, err
		case len(found) == 0:
			return emptyList[*knative.Task](knative.KindTasksList), nil
		case len(found) == 1:
			of = found[0]
		}
	}
	return list(ctx, q, of, listing[*runpb.Task, *knative.Task]{
		kind:   knative.KindTasksList,
		labels: knative.TaskLabels,
		page:   a.Engine.SelectTasks,
		show:   a.showTask,
	})
}

// executionsNamed returns the executions with an ID, at most one for each region.
func (a *API) executionsNamed(ctx context.Context, at jobspec.Location, id string) (found []jobspec.ExecutionName, err error) {
	regions := []string{at.Region}
	if at.Region == jobspec.Wildcard {
		if regions, err = a.Engine.Regions(ctx, at.Project); err != nil {
			return nil, err
		}
	}
	for _, region := range regions {
		x, err := a.Engine.ExecutionNamed(ctx, jobspec.Location{Project: at.Project, Region: region}, id)
		if runwith.CodeOf(err) == runwith.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		name, err := jobspec.ParseExecution(x.GetName())
		if err != nil {
			return nil, err
		}
		found = append(found, name)
	}
	return found, nil
}
