package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith/internal/invoker"
)

type rerunInput struct {
	Preference
	KeyHeader
	KnownNames
	ID   string `path:"id" doc:"ID of the invocation to run again."`
	Body *startRequest
}

func (s *server) routeRerun(d huma.API) {
	register(s, d, huma.Operation{
		OperationID: "rerunInvocation",
		Method:      http.MethodPost,
		Path:        prefix + "/invocations/{id}:rerun",
		Summary:     "Run an invocation again",
		Description: description(`Makes a new invocation from the request of an earlier one, whose ID it has as rerunOf. The body changes
			that request: parameters are merged by name, and each other field replaces the earlier one. startAt is not carried over. An
			empty body changes nothing. The configuration is applied as it is now.
			An Idempotency-Key works as in a request that starts a job: a repeat has the same origin and the same changes.
			Without the grant values, changed parameters, arguments or variables must be sent all, because a change could make the
			job show the others.`),
		DefaultStatus:   http.StatusAccepted,
		MaxBodyBytes:    -1, // readBody has a limit
		BodyReadTimeout: -1, // see startJob
		Middlewares:     huma.Middlewares{s.readBody},
	}, s.rerun)
}

func (s *server) rerun(ctx context.Context, in *rerunInput) (*startOutput, error) {
	invocation, replayed, err := s.invoker.Rerun(ctx, invoker.Rerun{ID: in.ID, Key: in.key, Changes: in.Body.request()})
	return s.started(ctx, in.Preference, invocation, replayed, err)
}
