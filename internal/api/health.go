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
}
