package emulator

import (
	"context"

	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/guard"
	"github.com/runwith/runwith/internal/server"
)

// Site returns the engine as a server serves it. Closing the site closes the engine.
func (s *Engine) Site() *server.Site {
	site := &server.Site{Checks: []func(context.Context) error{s.Engine.Ready}, Metrics: s.Engine.Metrics(), Close: s.Close}
	site.Links = []server.Link{
		{Path: "/v2/" + s.parent + "/jobs", Text: "Jobs, as the Cloud Run API shows them"},
		{Path: "/v2/" + s.parent + "/jobs/-/executions", Text: "Executions"},
	}
	site.Routes = append(site.Routes, server.Route{
		Pattern: "/", Handler: s.api, WriteError: apierror.WriteGoogle, Has: s.api.Has, Guard: guard.Rule{GRPC: true},
	})
	for pattern, handler := range s.metadata.Handlers() {
		site.Routes = append(site.Routes, server.Route{Pattern: pattern, Handler: handler, WriteError: apierror.WriteGoogle})
	}
	if !s.callFaults { // gRPC's own transport cannot lose an answer
		site.GRPC = s.api
	}
	if s.containers != nil {
		site.Checks = append(site.Checks, s.containers.Ready)
	}
	return site
}
