// Package api puts the engine on the wire: Cloud Run v2 and Cloud Logging over gRPC, and
// over REST as the google.api.http annotations in their descriptors say; Cloud Run v1 over
// REST; and the few methods of other Google APIs that clients call first. It translates
// between the wire and the engine, and decides nothing itself.
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

// maxMessage is the largest message of a request, in bytes, on every wire.
//
// Deviation: Cloud Run documents no limit.
const maxMessage = 1 << 20

// Server serves an engine on one port.
//
// Deviation: it authenticates callers only if [Config] asks for it, and has no quotas.
type Server struct {
	grpc   *grpc.Server
	rest   *router
	gate   *gate
	faults *faults // nil if no call goes wrong
}

// Config configures a [Server]. Engine is required.
type Config struct {
	Engine *engine.Engine
	// Faults makes calls go wrong, to test callers; nil has no faults.
	Faults *fault.Plan
	// Logger logs the causes of internal errors; nil discards them.
	Logger *slog.Logger
	// Project and ProjectNumber name the engine's own project, Region its own region.
	// Others are served too, but have no number.
	Project, ProjectNumber, Region string
	// Authenticate returns why a call with this header is refused. It is asked before
	// anything else. Nil accepts every call.
	Authenticate func(http.Header) *runwith.Error
}

// streamWorkers is the number of goroutines that gRPC keeps for calls. Their stacks have
// already grown: in a profile of runs that were polled every 0.2 ms, new goroutines spent
// 5 % of the processor time on growing theirs. Further calls have a goroutine each.
const streamWorkers = 8

// maxHeaders is the largest size of the headers of a call, in bytes, as over HTTP.
const maxHeaders = 64 << 10

// New returns the server of an engine. As a handler it serves gRPC too, if its listener
// speaks HTTP/2; [Server.ServeGRPC] is faster.
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
	shapes := masks{}
	s.grpc = grpc.NewServer(grpc.NumStreamWorkers(streamWorkers), grpc.MaxHeaderListSize(maxHeaders), grpc.ChainUnaryInterceptor(s.gate.bound, shapes.intercept, intercept), grpc.InTapHandle(s.gate.check),
		grpc.ChainStreamInterceptor(s.gate.boundStream, shapes.refuseStream, streamInterceptor(c.Logger)))
	services := []service{
		{&runpb.Jobs_ServiceDesc, &jobs{engine: e}, runpb.File_google_cloud_run_v2_job_proto, policyRules},
		{&runpb.Executions_ServiceDesc, &executions{engine: e}, runpb.File_google_cloud_run_v2_execution_proto, nil},
		{&runpb.Tasks_ServiceDesc, &tasks{engine: e}, runpb.File_google_cloud_run_v2_task_proto, nil},
		{&longrunningpb.Operations_ServiceDesc, &operations{engine: e}, longrunningpb.File_google_longrunning_operations_proto, operationRules},
		{&loggingpb.LoggingServiceV2_ServiceDesc, logging.New(logging.Config{Engine: e, Project: c.Project, ProjectNumber: c.ProjectNumber}), loggingpb.File_google_logging_v2_logging_proto, nil},
	}
	routes := &router{own: ownProject{c.Project, c.ProjectNumber}}
	for _, svc := range services {
		s.grpc.RegisterService(svc.desc, svc.impl)
		for _, method := range svc.desc.Methods {
			shapes["/"+svc.desc.ServiceName+"/"+method.MethodName] = svc.answerOf(method.MethodName)
		}
		if err := routes.addService(svc, intercept); err != nil {
			return nil, err
		}
	}
	if err := routes.addV1(c, intercept); err != nil {
		return nil, err
	}
	s.rest = routes
	return s, neighbours{c}.addTo(routes)
}

// Has reports whether a method of the REST API, whatever its verb, has the path of a request.
func (s *Server) Has(r *http.Request) bool {
	route, _, allowed := s.rest.find(r)
	return route != nil || len(allowed) > 0
}

// ServeHTTP answers REST and gRPC.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if refusal := s.gate.refusal(token(r)); refusal != nil {
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
	switch {
	case guard.IsGRPC(r):
		s.grpc.ServeHTTP(w, r)
	case isBatch(r):
		batch{s}.ServeHTTP(w, r)
	default:
		s.rest.ServeHTTP(w, r)
	}
}
