package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

type healthOutput struct {
	Body health
}

type health struct {
	Status  string `json:"status" enum:"ok" doc:"ok while the process serves requests."`
	Version string `json:"version" doc:"Version of the program."`
}

func (s *server) routeHealth(d huma.API) {
	register(s, d, huma.Operation{
		OperationID: "health",
		Method:      http.MethodGet,
		Path:        "/healthz",
		Summary:     "Whether the process is alive",
		Description: "Answers without looking at the store or at Cloud Run.",
	}, func(context.Context, *struct{}) (*healthOutput, error) {
		return &healthOutput{Body: health{Status: "ok", Version: s.version}}, nil
	})
	register(s, d, huma.Operation{
		OperationID: "ready",
		Method:      http.MethodGet,
		Path:        "/readyz",
		Summary:     "Whether the invoker does what it is asked",
		Description: description(`Answers 503 while the store is being rebuilt, and while Cloud Run does not answer and accepted
			invocations wait for it.`),
	}, func(ctx context.Context, _ *struct{}) (*healthOutput, error) {
		if err := s.invoker.Ready(ctx); err != nil {
			return nil, err
		}
		return &healthOutput{Body: health{Status: "ok", Version: s.version}}, nil
	})
}
