package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith"
)

type tickOutput struct {
	Body outstanding
}

type outstanding struct {
	Accepted   int `json:"accepted" doc:"Invocations that wait to be started."`
	Queued     int `json:"queued" doc:"Invocations that wait for others of their concurrency key."`
	Starting   int `json:"starting" doc:"Invocations of which it is being found out whether they were started."`
	Running    int `json:"running" doc:"Invocations that run."`
	Unresolved int `json:"unresolved" doc:"Invocations that a person has to decide about."`
}

func (s *server) routeTick(d huma.API) {
	register(s, d, huma.Operation{
		OperationID: "tick",
		Method:      http.MethodPost,
		Path:        prefix + "/tick",
		Summary:     "Do now what there is to do",
		Description: description(`Starts what is due, sends what is to be cancelled, looks at the executions of every job, and
			answers with what is left when that is done, at most a minute later. The server does all of it by itself, too,
			where it has a processor between requests. A Cloud Run service with request-based billing has none: there, call
			this once a minute. What a quota or a settling delay keeps back is left for a later call.`),
	}, s.tick)
}

func (s *server) tick(ctx context.Context, _ *struct{}) (*tickOutput, error) {
	left, err := s.invoker.Tick(ctx)
	if err != nil {
		return nil, err
	}
	return &tickOutput{Body: outstanding{
		Accepted:   left[runwith.StateAccepted],
		Queued:     left[runwith.StateQueued],
		Starting:   left[runwith.StateStarting],
		Running:    left[runwith.StateRunning],
		Unresolved: left[runwith.StateUnresolved],
	}}, nil
}
