package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/store"
)

type tickOutput struct {
	Body outstanding
}

type outstanding struct {
	Accepted   int `json:"accepted" doc:"Invocations that wait for their start."`
	Later      int `json:"later" doc:"Invocations whose time to start (startAt) has not come."`
	Queued     int `json:"queued" doc:"Invocations that wait for a slot of their concurrency key."`
	Starting   int `json:"starting" doc:"Invocations whose start is under way or not confirmed yet."`
	Running    int `json:"running" doc:"Running invocations."`
	Unresolved int `json:"unresolved" doc:"Invocations that need a person's decision."`
}

func (s *server) routeTick(d huma.API) {
	register(s, d, huma.Operation{
		OperationID: "tick",
		Method:      http.MethodPost,
		Path:        prefix + "/tick",
		Summary:     "Do all work that is due",
		Description: description(`Starts the due invocations, sends the outstanding cancels, checks the executions of every job,
			and answers with the number of invocations that remain, after at most a minute. A server with CPU between requests does
			all of this by itself. A Cloud Run service with request-based billing has none: call this once a minute there. Quotas and
			settling delays still apply.`),
	}, s.tick)
}

func (s *server) tick(ctx context.Context, _ *struct{}) (*tickOutput, error) {
	left, err := s.invoker.Tick(ctx)
	if err != nil {
		return nil, err
	}
	return &tickOutput{Body: outstanding{
		Accepted:   left[runwith.StateAccepted],
		Later:      left[store.Later],
		Queued:     left[runwith.StateQueued],
		Starting:   left[runwith.StateStarting],
		Running:    left[runwith.StateRunning],
		Unresolved: left[runwith.StateUnresolved],
	}}, nil
}
