package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith"
)

type oneInvocationInput struct {
	ID string `path:"id" doc:"ID of the invocation."`
}

type tasksInput struct {
	ID    string   `path:"id" doc:"ID of the invocation."`
	State []string `query:"state,explode" nullable:"false" enum:"pending,running,succeeded,failed,cancelled" doc:"Only tasks in this state. Repeat it for several."`
}

type tasksOutput struct{ Body taskList }

type taskList struct {
	Tasks []runwith.Task `json:"tasks" nullable:"false" doc:"Tasks, by index."`
}

type changesOutput struct{ Body changeList }

type changeList struct {
	Changes []runwith.Change `json:"changes" nullable:"false" doc:"The differences."`
}

func (s *server) routeTasks(d huma.API) {
	register(s, d, huma.Operation{
		OperationID: "listTasks", Method: http.MethodGet, Path: prefix + "/invocations/{id}/tasks",
		Summary: "The tasks of an invocation's execution",
		Description: description(`All tasks, by index, as Cloud Run showed them at most a second ago. The list is empty until the
			execution is known. If Cloud Run no longer has the execution, the answer is FAILED_PRECONDITION.`),
	}, s.tasks)
	register(s, d, huma.Operation{
		OperationID: "listChanges", Method: http.MethodGet, Path: prefix + "/invocations/{id}/changes",
		Summary: "In what an invocation's execution differs from its job",
		Description: description(`Compares the overrides with the job as it is now. Variables that runwith sets are left out. 404 also
			means that the job is gone.`),
	}, s.changes)
}

func (s *server) tasks(ctx context.Context, in *tasksInput) (*tasksOutput, error) {
	tasks, err := s.invoker.Tasks(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if len(in.State) > 0 {
		tasks = slices.DeleteFunc(tasks, func(t runwith.Task) bool { return !slices.Contains(in.State, string(t.State)) })
	}
	if tasks == nil {
		tasks = []runwith.Task{} // [], not null
	}
	return &tasksOutput{taskList{tasks}}, nil
}

func (s *server) changes(ctx context.Context, in *oneInvocationInput) (*changesOutput, error) {
	changes, err := s.invoker.Changes(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &changesOutput{changeList{changes}}, nil
}
