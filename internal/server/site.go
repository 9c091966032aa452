package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/metrics"
	"github.com/runwith/runwith/internal/principal"
)

// Site is what a server serves. Routes and Close are required.
type Site struct {
	// Routes is the site's part of the route table. The server adds its own routes:
	// /healthz, /readyz and /metrics.
	Routes []Route
	// Root answers browsers at the root, and for paths that no route has. If it is nil, they see a
	// page with Links at the root, and the answers of the routes elsewhere.
	Root  http.Handler
	Links []Link
	// GRPC answers the connections that speak HTTP/2. If it is nil, the routes do.
	GRPC GRPC
	// Checks return why the site cannot do its work, for /readyz.
	Checks []func(context.Context) error
	// Notes return what people should know although the site can do its work, or "". /readyz
	// shows them, to everybody.
	Notes []func() string
	// Metrics are reported at /metrics.
	Metrics []metrics.Metric
	// Operator authenticates a request of /metrics, as [Route.Authenticate] does, and
	// returns an error for callers who may not read it. Nil admits everybody.
	Operator func(*http.Request) (principal.Principal, error)

	// Settled is closed when the site can do all of its work. Nil is settled.
	Settled <-chan struct{}
	// Drain ends the calls that the site makes to this very server, which serves until
	// Drain returns. It may be nil.
	Drain func() error
	// Close ends the rest. It is called once no request is left.
	Close func() error
}

// GRPC serves gRPC with its own transport, which is faster than net/http's.
type GRPC interface {
	// ServeGRPC answers the connections of l until StopGRPC. Contexts of calls are
	// canceled with ctx. Each call must pass admit, which sees it as a request with its
	// host, path and headers and returns the context of the call.
	ServeGRPC(ctx context.Context, l net.Listener, admit Admit) error
	// StopGRPC waits until no call is left, and cancels those that are when ctx is done.
	StopGRPC(ctx context.Context)
}

// Admit returns the context of a call, which carries its principal, or why it is refused.
type Admit = func(*http.Request) (context.Context, *runwith.Error)

// settle waits until the site has settled, but no longer than settleTimeout.
func (s *Site) settle(ctx context.Context) {
	if s.Settled == nil {
		return
	}
	select {
	case <-s.Settled:
	case <-time.After(settleTimeout):
	case <-ctx.Done():
	}
}

func (s *Site) drain() error {
	if s.Drain == nil {
		return nil
	}
	return s.Drain()
}

// close ends a site that serves nothing.
func (s *Site) close() error { return errors.Join(s.drain(), s.Close()) }
