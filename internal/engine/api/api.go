// Package api puts the engine on the wire: google.cloud.run.v2 and Cloud
// Logging over gRPC, and over REST as the google.api.http annotations in their
// descriptors say; beside them Cloud Run's v1, over REST alone. It translates between
// the wire and the engine, and decides nothing itself.
package api

import (
	"log/slog"
	"net/http"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/grpc"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/api/logging"
	"github.com/runwith/runwith/internal/engine/fault"
	"github.com/runwith/runwith/internal/guard"
)

// maxMessage bounds a request's message, in bytes, on every wire.
//
// Deviation: Cloud Run documents no such limit.
const maxMessage = 1 << 20

// Server answers for an engine on one port.
//
// Deviation: nobody is authenticated, unless [Config] asks for it, and there are no
// quotas.
type Server struct {
	grpc   *grpc.Server
	rest   http.Handler
	gate   *gate
	faults *faults // nil: no call goes wrong
}

// Config says what a [Server] serves. Engine is required.
type Config struct {
	Engine *engine.Engine
	// Faults has calls go wrong, to test callers with; nil has none.
	Faults *fault.Plan
	// Logger gets the causes of internal errors; nil discards them.
	Logger *slog.Logger
	// Project and ProjectNumber name the engine's own project, Region its own region.
	// Others are served too, and have no number.
	Project, ProjectNumber, Region string
	// Authenticate returns why a call with this header is refused, UNAUTHENTICATED.
	// No call gets past it, whatever it is for. Nil: nobody is asked who they are.
	Authenticate func(http.Header) *runwith.Error
}

// New returns a handler that serves an engine. gRPC needs a listener that speaks
// HTTP/2; see [Server.ServeGRPC] too.
func New(c Config) (*Server, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	e, intercept := c.Engine, interceptor(c.Logger, ownProject{c.Project, c.ProjectNumber})
	s := &Server{gate: &gate{authenticate: c.Authenticate}}
	if c.Faults != nil && c.Faults.ForCalls() {
		s.faults = &faults{c.Faults, c.ProjectNumber, c.Logger}
		intercept = within(intercept, s.faults.intercept)
	}
	s.grpc = grpc.NewServer(grpc.ChainUnaryInterceptor(s.gate.bound, intercept), grpc.InTapHandle(s.gate.check),
		grpc.ChainStreamInterceptor(s.gate.boundStream, streamInterceptor(c.Logger)))
	services := []service{
		{&runpb.Jobs_ServiceDesc, &jobs{engine: e}, runpb.File_google_cloud_run_v2_job_proto, policyRules},
		{&runpb.Executions_ServiceDesc, &executions{engine: e}, runpb.File_google_cloud_run_v2_execution_proto, nil},
		{&runpb.Tasks_ServiceDesc, &tasks{engine: e}, runpb.File_google_cloud_run_v2_task_proto, nil},
		{&longrunningpb.Operations_ServiceDesc, &operations{engine: e}, longrunningpb.File_google_longrunning_operations_proto, operationRules},
		{&loggingpb.LoggingServiceV2_ServiceDesc, logging.New(logging.Config{Engine: e, Project: c.Project, ProjectNumber: c.ProjectNumber}), loggingpb.File_google_logging_v2_logging_proto, nil},
	}
	rest, err := newREST(services, intercept)
	if err != nil {
		return nil, err
	}
	v1, err := newV1(c, intercept, rest)
	if err != nil {
		return nil, err
	}
	if s.rest, err = newNeighbours(c, v1); err != nil {
		return nil, err
	}
	for _, svc := range services {
		s.grpc.RegisterService(svc.desc, svc.impl)
	}
	return s, nil
}

// ServeHTTP answers gRPC and REST.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if refusal := s.gate.refusal(r.Header); refusal != nil {
		refuse(w, r, refusal)
		return
	}
	if s.faults != nil {
		losing(w, r, s.serve)
		return
	}
	s.serve(w, r)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if guard.IsGRPC(r) {
		s.grpc.ServeHTTP(w, r)
		return
	}
	s.rest.ServeHTTP(w, r)
}
