// Package server is the front door: it listens, guards and routes requests, and starts
// and stops its parts in the right order.
//
// It knows neither the engine nor the invoker. They are handed in as a [Site]: a table
// of routes, and the steps before the first request and after the last one.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/guard"
	"github.com/runwith/runwith/internal/principal"
	"github.com/runwith/runwith/internal/tracing"
)

const (
	// settleTimeout limits the wait for [Site.Settled].
	settleTimeout = 5 * time.Second
	// shutdownTimeout is how long requests may take to end when the server stops.
	shutdownTimeout = 10 * time.Second
)

// Config configures a server. Listener and Logger are required.
type Config struct {
	Listener net.Listener
	// Metrics is a listener for /metrics, /healthz and /readyz alone, without
	// authentication. If it is nil, /metrics is a route of Listener.
	Metrics net.Listener
	// AllowHosts are additional names of this machine.
	AllowHosts []string
	// Principal is the caller of the requests of routes without Authenticate. The zero
	// value is the anonymous one.
	Principal principal.Principal
	// Tracer makes a span of each request of the site; nil makes none.
	Tracer *tracing.Tracer
	// Version is the program's.
	Version string
	Logger  *slog.Logger
}

// Open opens a site. ctx is canceled when the server begins to stop. addr is the
// HOST:PORT at which this machine reaches the listener.
type Open func(ctx context.Context, addr string) (*Site, error)

// Serve opens a site and serves it until ctx is done. It calls ready with the address of
// the listener as soon as the site answers. It closes the listeners and the site, also if one
// of the listeners fails.
//
// The contexts of requests are canceled, with the cause [apierror.Stopping], when the
// server begins to stop.
func Serve(ctx context.Context, c Config, open Open, ready func(addr string)) error {
	requests, stopRequests := context.WithCancelCause(context.Background())
	defer stopRequests(nil)
	site, err := open(requests, dialable(c.Listener.Addr().String()))
	if err != nil {
		return errors.Join(err, c.close())
	}
	door, err := newDoor(c, site)
	if err != nil {
		return errors.Join(err, c.close(), site.close())
	}
	served := door.serve(requests, c)
	site.settle(ctx)
	ready(c.Listener.Addr().String())
	var failed error
	select {
	case err := <-served:
		failed = fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	stopRequests(apierror.Stopping())
	return errors.Join(failed, door.shutdown(ctx))
}

// door is what stands between a listener and a site.
type door struct {
	site   *Site
	guard  *guard.Guard
	routes *router
	http   *http.Server

	metrics *http.Server // nil: a route of http
}

func newDoor(c Config, site *Site) (*door, error) {
	routes := newRouter(c, site)
	shield, err := guard.New(guard.Config{AllowHosts: c.AllowHosts, Rule: routes.rule, Reject: routes.reject})
	if err != nil {
		return nil, err
	}
	d := &door{site: site, guard: shield, routes: routes}
	d.http = HTTP(shield.Wrap(routes), c.Logger)
	if c.Metrics != nil {
		d.metrics, err = newMetricsServer(c, site, routes.panics)
	}
	return d, err
}

// serve serves in the background. The channel has the error of a listener that failed.
func (d *door) serve(requests context.Context, c Config) <-chan error {
	served, listener := make(chan error, 3), net.Listener(newPatient(c.Listener, c.Logger))
	d.http.BaseContext = func(net.Listener) context.Context { return requests }
	if d.site.GRPC != nil {
		var http2 net.Listener
		listener, http2 = Split(listener)
		go func() { served <- d.site.GRPC.ServeGRPC(requests, http2, d.admit) }()
	}
	go func() { served <- d.http.Serve(listener) }()
	if d.metrics != nil {
		go func() { served <- d.metrics.Serve(newPatient(c.Metrics, c.Logger)) }()
	}
	return served
}

// admit does for a gRPC call what guard and router do for a request.
func (d *door) admit(r *http.Request) (context.Context, *runwith.Error) {
	if refusal := d.guard.Check(r); refusal != nil {
		return nil, refusal
	}
	p, refusal := d.routes.admit(r)
	if refusal != nil {
		return nil, refusal
	}
	return principal.With(r.Context(), p), nil
}

// shutdown stops in order: the callers of this server inside the site, the requests, and
// the site.
func (d *door) shutdown(ctx context.Context) error {
	drained := d.site.drain()
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		if d.site.GRPC != nil {
			d.site.GRPC.StopGRPC(bounded)
		}
	}()
	var closed error
	if err := d.http.Shutdown(bounded); err != nil {
		closed = d.http.Close()
	}
	<-stopped
	if d.metrics != nil {
		closed = errors.Join(closed, d.metrics.Close())
	}
	return errors.Join(drained, closed, d.site.Close())
}
