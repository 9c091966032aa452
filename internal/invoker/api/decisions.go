package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
)

type cancelInput struct {
	Preference
	ID string `path:"id" doc:"ID of the invocation."`
}

type decisionOutput struct {
	Status  int
	Applied string `header:"Preference-Applied" doc:"The wait that was granted."`
	Body    runwith.Invocation
}

type resolveInput struct {
	KnownNames
	ID   string `path:"id" doc:"ID of the invocation."`
	Body struct {
		Decision invoker.Decision `json:"decision" enum:"retry,leave" doc:"retry: search for the execution once more, and start the job if there is none. leave: keep the invocation unresolved and free its slot."`
	}
}

func (s *server) routeDecisions(d huma.API) {
	register(s, d, huma.Operation{
		OperationID: "cancelInvocation",
		Method:      http.MethodPost,
		Path:        prefix + "/invocations/{id}/cancel",
		Summary:     "Ask for an invocation to end",
		Description: description(`Answers 202 when the request to cancel is on disk. An invocation that was not sent to Cloud Run
			yet is cancelled by then. For a running one, the invoker asks Cloud Run to cancel the execution, and the execution's own
			result counts. For a starting one, the invoker finds out first whether it started. An invocation that had already ended
			does not change; the answer is 200.`),
		DefaultStatus: http.StatusAccepted,
		Middlewares:   huma.Middlewares{s.noBody},
	}, s.cancel)
	register(s, d, huma.Operation{
		OperationID: "resolveInvocation",
		Method:      http.MethodPost,
		Path:        prefix + "/invocations/{id}/resolve",
		Summary:     "Decide about an unresolved invocation",
		Description: description(`An invocation is unresolved if the invoker can no longer determine whether it started, or how it
			ended. Check the executions of the job first.`),
		MaxBodyBytes: -1, // readBody has a limit
		Middlewares:  huma.Middlewares{s.readBody},
	}, s.resolve)
}

func (s *server) cancel(ctx context.Context, in *cancelInput) (*decisionOutput, error) {
	invocation, err := s.invoker.Cancel(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &decisionOutput{Status: http.StatusAccepted, Applied: in.applied(), Body: invocation}
	if invocation.State.Terminal() && invocation.CancelRequested.IsZero() {
		out.Status = http.StatusOK
	}
	if in.wanted {
		if waited, err := s.wait(ctx, in.ID, in.Preference); err == nil {
			out.Body = waited
		}
	}
	return out, nil
}

func (s *server) resolve(ctx context.Context, in *resolveInput) (*decisionOutput, error) {
	invocation, err := s.invoker.Resolve(ctx, in.ID, in.Body.Decision)
	if err != nil {
		return nil, err
	}
	return &decisionOutput{Status: http.StatusOK, Body: invocation}, nil
}
