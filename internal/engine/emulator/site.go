// Package emulator serves an engine, and whatever else belongs to it, on a listener: what
// runwith's servers and runwithtest have in common.
package emulator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/engine/api"
	"github.com/runwith/runwith/internal/guard"
)

// settleTimeout is how long a site may take to settle before it is announced all the
// same.
const settleTimeout = 5 * time.Second

// shutdownTimeout is how long requests have to end when the server stops.
const shutdownTimeout = 10 * time.Second

// Site is what a listener serves.
type Site struct {
	Handler http.Handler
	// GRPC takes the connections that speak HTTP/2. Nil: the handler has them all.
	GRPC *api.Server
	// Drain stops what makes calls to this very listener, which serves until it
	// returns. It may be nil.
	Drain func() error
	// Settled is closed when the site does all that it can; nil: it does at once.
	Settled <-chan struct{}
	// Close ends the rest, when no request is under way any more.
	Close func() error
}

// Config says where a site is served and for whom. Listener and Logger are required.
type Config struct {
	Listener net.Listener
	// AllowHosts are more names that mean this machine.
	AllowHosts []string
	// Reject writes what the guard refuses; nil writes it as Google's APIs do.
	Reject func(w http.ResponseWriter, r *http.Request, err *runwith.Error)
	Logger *slog.Logger
}

// Serve opens the site for the listener's address and serves it until ctx ends.
// Requests have a context that ends as soon as the server begins to stop. ready is
// called when the site answers. The listener is closed when Serve returns.
func Serve(ctx context.Context, c Config, open func(ctx context.Context, addr string) (*Site, error), ready func(addr string)) error {
	listener := c.Listener
	requests, stopRequests := context.WithCancelCause(context.Background())
	defer stopRequests(nil)
	s, err := open(requests, listener.Addr().String())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if c.Reject == nil {
		c.Reject = func(w http.ResponseWriter, _ *http.Request, err *runwith.Error) { apierror.WriteGoogle(w, err) }
	}
	shield, err := guard.New(guard.Config{AllowHosts: c.AllowHosts, Reject: c.Reject})
	if err != nil {
		return errors.Join(err, listener.Close(), s.stop())
	}
	server := guard.Server(shield.Wrap(s.Handler), c.Logger)
	server.BaseContext = func(net.Listener) context.Context { return requests }

	served := make(chan error, 2)
	if s.GRPC != nil {
		var http2 net.Listener
		listener, http2 = guard.Split(listener)
		go func() { served <- s.GRPC.ServeGRPC(requests, http2, shield.Check) }()
	}
	go func() { served <- server.Serve(listener) }()
	s.settle(ctx)
	ready(listener.Addr().String())
	select {
	case err := <-served:
		return errors.Join(fmt.Errorf("serve: %w", err), s.stop())
	case <-ctx.Done():
	}
	stopRequests(apierror.Stopping())
	return s.shutdown(ctx, server)
}

// settle waits until the site does all that it can.
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

// shutdown ends a site in order: what calls it, requests, state.
func (s *Site) shutdown(ctx context.Context, server *http.Server) error {
	var errs []error
	if s.Drain != nil {
		errs = append(errs, s.Drain())
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	var stopping sync.WaitGroup
	if s.GRPC != nil {
		stopping.Go(func() { s.GRPC.StopGRPC(bounded) })
	}
	if err := server.Shutdown(bounded); err != nil {
		errs = append(errs, server.Close())
	}
	stopping.Wait()
	return errors.Join(append(errs, s.Close())...)
}

func (s *Site) stop() error {
	if s.Drain == nil {
		return s.Close()
	}
	return errors.Join(s.Drain(), s.Close())
}
