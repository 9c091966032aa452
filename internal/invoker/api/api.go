// Package api serves the invoker as a JSON API under /api/v1, which an OpenAPI 3.1
// document at /api/v1/openapi.json describes. It translates between HTTP and the invoker
// and decides nothing.
//
// Every error is a problem (RFC 9457) with the canonical code of a [runwith.Error], even
// if no route matches.
package api

import (
	"context"
	"iter"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/invoker"
)

// prefix is the beginning of all paths.
const prefix = "/api/v1"

// Invoker is what the API serves. Errors that a caller may see are
// [*runwith.Error]; any other is answered as an internal error and logged. All
// methods may be called concurrently.
type Invoker interface {
	Invocations
	Decisions
	Jobs
	Upkeep
}

// Invocations starts jobs and tells what became of it.
type Invocations interface {
	// Invoke accepts a request to start a job; the invocation is on disk when it
	// returns. A repeat with the same key returns the invocation that is there.
	Invoke(ctx context.Context, q invoker.Request) (_ runwith.Invocation, replayed bool, err error)
	// Invocation returns an invocation as it is now.
	Invocation(ctx context.Context, id string) (runwith.Invocation, error)
	// Wait returns an invocation once it has settled, or ctx's error when that
	// ends first.
	Wait(ctx context.Context, id string) (runwith.Invocation, error)
	// Invocations returns a page of invocations, newest first, and the token of
	// the next page, empty after the last.
	Invocations(ctx context.Context, f invoker.Filter) (page []runwith.Invocation, next string, err error)
	// Logs yields what the tasks of an invocation printed, in order of time; with
	// follow also what they will print, until the invocation has settled. It
	// stops at the first error.
	Logs(ctx context.Context, id string, follow bool) iter.Seq2[runwith.LogLine, error]
}

// Decisions are what people decide about an invocation.
type Decisions interface {
	// Cancel asks for an invocation to end. One that has ended stays as it is.
	Cancel(ctx context.Context, id string) (runwith.Invocation, error)
	// Resolve decides about one that is unresolved.
	Resolve(ctx context.Context, id string, d invoker.Decision) (runwith.Invocation, error)
}

// Jobs tells which jobs may be started.
type Jobs interface {
	Jobs(ctx context.Context) ([]runwith.Job, error)
	// Job returns one of them.
	Job(ctx context.Context, name string) (runwith.Job, error)
}

// Upkeep is what those ask who run the server.
type Upkeep interface {
	// Tick does what there is to do now, and returns what is left.
	Tick(ctx context.Context) (invoker.Outstanding, error)
}

var _ Invoker = (*invoker.Invoker)(nil)

// Config is what [New] needs.
type Config struct {
	// Invoker is required.
	Invoker Invoker
	// Version is the program's, for the OpenAPI document.
	Version string
	// Logger takes the causes that answers leave out; nil discards them.
	Logger *slog.Logger
	// Context ends what would otherwise hold a shutdown up: followed logs and
	// requests that wait. Nil never does.
	Context context.Context
}

// server is the handler that New returns.
type server struct {
	invoker Invoker
	version string
	log     *slog.Logger
	base    context.Context
	mux     *http.ServeMux
}

// New returns the handler of the API. It does no I/O. A guard belongs in front
// of it.
func New(c Config) http.Handler {
	s := &server{
		invoker: c.Invoker,
		version: c.Version,
		log:     c.Logger,
		base:    c.Context,
		mux:     http.NewServeMux(),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.base == nil {
		s.base = context.Background()
	}
	document := s.newDocument()
	s.routeInvocations(document)
	s.routeDecisions(document)
	s.routeLogs(document)
	s.routeJobs(document)
	s.routeTick(document)
	documentHealth(document)
	s.serveDocument(document)
	return s
}

// ServeHTTP answers requests that no route matches with a problem, where
// ServeMux would write plain text.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	handler, pattern := s.mux.Handler(r)
	if pattern != "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	answer := muxAnswer{header: http.Header{}}
	handler.ServeHTTP(&answer, r)
	if answer.status == http.StatusMethodNotAllowed {
		allow := answer.header.Get("Allow")
		w.Header().Set("Allow", allow)
		apierror.WriteProblem(w, methodNotAllowed(r, allow))
		return
	}
	apierror.WriteProblem(w, runwith.Errorf(runwith.NotFound,
		"%s is no path of this API; %s/openapi.json lists them", r.URL.Path, prefix))
}

// muxAnswer keeps the status and header of what ServeMux would have written.
type muxAnswer struct {
	header http.Header
	status int
}

func (a *muxAnswer) Header() http.Header         { return a.header }
func (a *muxAnswer) Write(p []byte) (int, error) { return len(p), nil }
func (a *muxAnswer) WriteHeader(status int)      { a.status = status }

// errStopping ends streams when the server is shut down.
var errStopping = runwith.Errorf(runwith.Unavailable, "the server is stopping; ask again once it is back")

// untilStop returns a copy of ctx that also ends when the server stops, with
// errStopping as its cause.
func (s *server) untilStop(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.base, func() { cancel(errStopping) })
	return ctx, func() {
		stop()
		cancel(context.Canceled)
	}
}

// register adds an operation whose handler returns errors as the invoker does.
func register[I, O any](s *server, d huma.API, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	huma.Register(d, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}
