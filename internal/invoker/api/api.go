// Package api serves the invoker as a JSON API under /api/v1, which an OpenAPI 3.1
// document at /api/v1/openapi.json describes. It translates between HTTP and the invoker
// and decides nothing.
//
// Every error is a problem (RFC 9457) with the canonical code of a [runwith.Error], even
// if no route matches.
package api

import (
	"cmp"
	"context"
	"iter"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/callback"
	"github.com/runwith/runwith/internal/tracing"
)

// prefix is the beginning of all paths.
const prefix = "/api/v1"

// Invoker is what the API serves. Callers see its errors of type [*runwith.Error]; all
// others are logged and answered as internal errors. Its methods may be called
// concurrently, and their contexts carry the caller's principal.
type Invoker interface {
	Invocations
	Decisions
	Jobs
	Budgets
	Usage
	Upkeep
}

// Invocations starts jobs and reports their results.
type Invocations interface {
	// Invoke accepts a request to start a job. The invocation is on disk when it returns. A
	// repeat with the same key returns the existing invocation.
	Invoke(ctx context.Context, q invoker.Request) (_ runwith.Invocation, replayed bool, err error)
	// InvokeEach accepts several requests to start a job in one commit, and returns their
	// answers in order.
	InvokeEach(ctx context.Context, job string, each []invoker.Request) ([]invoker.Started, error)
	// Rerun accepts a request to run an invocation again, as Invoke does.
	Rerun(ctx context.Context, r invoker.Rerun) (_ runwith.Invocation, replayed bool, err error)
	// Invocation returns an invocation as it is now.
	Invocation(ctx context.Context, id string) (runwith.Invocation, error)
	// Wait returns an invocation once it has settled, or ctx's error if ctx ends first.
	Wait(ctx context.Context, id string) (runwith.Invocation, error)
	// Invocations returns a page of invocations, newest first, and the token of the next
	// page, which is empty after the last.
	Invocations(ctx context.Context, f invoker.Filter) (page []runwith.Invocation, next string, err error)
	// Tasks returns the tasks of an invocation's execution, by index; none until it is known.
	Tasks(ctx context.Context, id string) ([]runwith.Task, error)
	// Changes returns in what an invocation's execution differs from its job.
	Changes(ctx context.Context, id string) ([]runwith.Change, error)
	// Logs yields the output of an invocation's tasks in order of time, and stops at the
	// first error.
	Logs(ctx context.Context, id string, q invoker.LogQuery) iter.Seq2[runwith.LogLine, error]
}

// Decisions are the decisions that people make about an invocation.
type Decisions interface {
	// Cancel asks for the end of an invocation. It does not change an ended one.
	Cancel(ctx context.Context, id string) (runwith.Invocation, error)
	// Resolve decides about an unresolved invocation.
	Resolve(ctx context.Context, id string, d invoker.Decision) (runwith.Invocation, error)
}

// Jobs lists the jobs that can be started.
type Jobs interface {
	Jobs(ctx context.Context) ([]runwith.Job, error)
	// Job returns one job.
	Job(ctx context.Context, name string) (runwith.Job, error)
}

// Budgets shows how much of the month's budgets is taken.
type Budgets interface {
	// Budgets returns the budgets of a caller; an empty name means all.
	Budgets(ctx context.Context, caller string) ([]runwith.Budget, error)
}

// Usage estimates what invocations use.
type Usage interface {
	// Usage returns what the invocations of a month have used.
	Usage(ctx context.Context, q invoker.UsageQuery) (runwith.UsageReport, error)
	// Estimate returns what an execution of a job can cost.
	Estimate(ctx context.Context, q invoker.EstimateQuery) (runwith.JobEstimate, error)
}

// Upkeep is for operators.
type Upkeep interface {
	// Tick does all work that is due, and returns the outstanding invocations.
	Tick(ctx context.Context) (invoker.Outstanding, error)
}

var _ Invoker = (*invoker.Invoker)(nil)

// Callbacks are the deliveries of events and the endpoints that get them. They are for
// operators.
type Callbacks interface {
	// Deliveries returns a page of deliveries, newest first, and the token of the next page,
	// which is empty after the last.
	Deliveries(ctx context.Context, f callback.Filter) (page []runwith.Delivery, next string, err error)
	// Delivery returns a delivery with its payload.
	Delivery(ctx context.Context, id string) (runwith.Delivery, error)
	// Replay makes a delivery due again.
	Replay(ctx context.Context, id string) (runwith.Delivery, error)
	// ReplayFailed makes the failed deliveries of an endpoint due again.
	ReplayFailed(ctx context.Context, endpoint string) (int, error)
	// Endpoints returns all endpoints with their health.
	Endpoints(ctx context.Context) ([]runwith.Endpoint, error)
	// EnableEndpoint enables a disabled endpoint.
	EnableEndpoint(ctx context.Context, name string) (runwith.Endpoint, error)
}

var _ Callbacks = (*callback.Sender)(nil)

// DefaultLogReaders is enough for people who look at logs, and bounds the memory that
// clients can hold: about 64 KiB each.
const DefaultLogReaders = 256

// Config is what [New] needs.
type Config struct {
	// Invoker is required.
	Invoker Invoker
	// Callbacks serve /api/v1/callbacks; nil: the paths do not exist.
	Callbacks Callbacks
	// Events serve /api/v1/events; nil: the paths do not exist.
	Events Events
	// Schedules serve /api/v1/schedules; nil: the paths do not exist.
	Schedules Schedules
	// Version is the program's, for the OpenAPI document.
	Version string
	// Logger logs the causes that answers leave out; nil discards them.
	Logger *slog.Logger
	// MaxLogReaders is how many callers may read logs at the same time. 0 is
	// DefaultLogReaders.
	MaxLogReaders int
	// MaxBody returns the size of the largest body that starts a job, in bytes; 0 is 1 MiB,
	// which is also the most. Nil means 1 MiB for every job. The context carries the caller,
	// who must not learn the limit of a job that it may not see.
	MaxBody func(ctx context.Context, job string) int
	// Context ends followed logs and waiting requests, which would otherwise delay a
	// shutdown. Nil never ends them.
	Context context.Context
}

// server is the handler that New returns.
type server struct {
	invoker   Invoker
	calls     Callbacks // may be nil
	events    Events    // may be nil
	schedules Schedules // may be nil
	version   string
	log       *slog.Logger
	base      context.Context
	mux       *http.ServeMux
	maxBody   func(ctx context.Context, job string) int // may be nil
	readers   readers
	schemas   huma.Registry   // of the document
	verbs     map[string]bool // of custom methods
}

// New returns the handler of the API. It does no I/O. It needs a guard in front of it.
func New(c Config) http.Handler {
	s := &server{
		invoker:   c.Invoker,
		calls:     c.Callbacks,
		events:    c.Events,
		schedules: c.Schedules,
		version:   c.Version,
		log:       c.Logger,
		base:      c.Context,
		mux:       http.NewServeMux(),
		maxBody:   c.MaxBody,
		readers:   readers{most: cmp.Or(c.MaxLogReaders, DefaultLogReaders)},
		verbs:     map[string]bool{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.base == nil {
		s.base = context.Background()
	}
	document := s.newDocument()
	s.routeInvocations(document)
	s.routeRerun(document)
	s.routeBatch(document)
	s.routeDecisions(document)
	s.routeLogs(document)
	s.routeTasks(document)
	s.routeJobs(document)
	s.routeBudgets(document)
	s.routeUsage(document)
	s.routeTick(document)
	if s.calls != nil {
		s.routeCallbacks(document)
	}
	if s.events != nil {
		s.routeEvents(document)
	}
	if s.schedules != nil {
		s.routeSchedules(document)
	}
	documentHealth(document)
	documentTriggers(document)
	s.serveDocument(document)
	return s
}

// ServeHTTP answers requests without a route with a problem. ServeMux would write plain
// text.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get(methodOverride) != "" {
		apierror.WriteProblem(w, runwith.Errorf(runwith.InvalidArgument, "%s: is not served by this API, send the method itself", methodOverride))
		return
	}
	inner, ok := s.toMux(r)
	handler, pattern := s.mux.Handler(inner)
	if pattern != "" && ok {
		s.mux.ServeHTTP(w, inner)
		return
	}
	answer := muxAnswer{header: http.Header{}}
	if ok {
		handler.ServeHTTP(&answer, inner)
	}
	if answer.status == http.StatusMethodNotAllowed {
		allow := answer.header.Get("Allow")
		w.Header().Set("Allow", allow)
		apierror.WriteProblem(w, methodNotAllowed(r, allow))
		return
	}
	apierror.WriteProblem(w, runwith.Errorf(runwith.NotFound,
		"%s is not a path of this API; %s/openapi.json lists them", r.URL.Path, prefix))
}

// methodOverride is a header of Google's APIs. A request with it means another method.
const methodOverride = "X-HTTP-Method-Override"

// muxAnswer records the status and header of ServeMux's answer.
type muxAnswer struct {
	header http.Header
	status int
}

func (a *muxAnswer) Header() http.Header         { return a.header }
func (a *muxAnswer) Write(p []byte) (int, error) { return len(p), nil }
func (a *muxAnswer) WriteHeader(status int)      { a.status = status }

// errStopping is the reason for the end of streams and waits when the server stops.
var errStopping = runwith.Errorf(runwith.Unavailable, "the server is stopping; ask again once it is back")

// untilStop returns a copy of ctx that is also canceled when the server stops, with the
// cause errStopping.
func (s *server) untilStop(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.base, func() { cancel(errStopping) })
	return ctx, func() {
		stop()
		cancel(context.Canceled)
	}
}

// register adds an operation. It turns the errors of handle into problems.
func register[I, O any](s *server, d huma.API, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	huma.Register(d, op, func(ctx context.Context, in *I) (*O, error) {
		tracing.Rename(ctx, op.Method+" "+op.Path)
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}
