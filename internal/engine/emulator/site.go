package emulator

import (
	"context"

	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/server"
)

// Site returns the engine as a server serves it. Closing the site closes the engine.
func (s *Engine) Site() *server.Site {
	site := &server.Site{Checks: []func(context.Context) error{s.Engine.Ready}, Gauges: s.gauges(), Close: s.Close}
	site.Links = []server.Link{
		{Path: "/v2/" + s.parent + "/jobs", Text: "Jobs, as the Cloud Run API shows them"},
		{Path: "/v2/" + s.parent + "/jobs/-/executions", Text: "Executions"},
	}
	site.Routes = append(site.Routes, server.Route{Pattern: "/", Handler: s.api, WriteError: apierror.WriteGoogle})
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

// gauges report the engine's work. docs/invoker.md documents their names.
func (s *Engine) gauges() []server.Gauge {
	load := func(count func(engine.Load) map[string]int) func(context.Context) (map[string]int, error) {
		return func(ctx context.Context) (map[string]int, error) {
			l, err := s.Engine.Load(ctx)
			return count(l), err
		}
	}
	return []server.Gauge{
		{Name: "runwith_engine_executions", Label: "state", Help: "Executions that have not ended.",
			Read: load(func(l engine.Load) map[string]int {
				return map[string]int{"pending": l.Executions.Pending, "running": l.Executions.Running}
			})},
		{Name: "runwith_engine_tasks", Label: "state", Help: "Tasks that have not ended.",
			Read: load(func(l engine.Load) map[string]int {
				return map[string]int{"waiting": l.Tasks.Waiting, "running": l.Tasks.Running}
			})},
	}
}
