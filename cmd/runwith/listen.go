package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/api"
	"github.com/runwith/runwith/internal/guard"
	"github.com/runwith/runwith/internal/runapi"
)

// settleTimeout is how long a site may take to settle before it is announced all the
// same.
const settleTimeout = 5 * time.Second

// shutdownTimeout is how long requests have to end when the server stops.
const shutdownTimeout = 10 * time.Second

// site is what a listener serves.
type site struct {
	handler http.Handler
	// grpc takes the connections that speak HTTP/2. Nil: the handler has them all.
	grpc *runapi.Server
	// drain stops what makes calls to this very listener, which serves until it
	// returns. It may be nil.
	drain func() error
	// settled is closed when the site does all that it can; nil: it does at once.
	settled <-chan struct{}
	// close ends the rest, when no request is under way any more.
	close func() error
}

// serve listens, opens the site for the address and serves it until ctx ends.
// Requests have a context that ends as soon as the server begins to stop. ready
// is called when the site answers.
func serve(ctx context.Context, f listenFlags, logger *slog.Logger,
	open func(ctx context.Context, addr string) (*site, error), ready func(addr string)) error {
	// Nobody may read what a server says any more (up 2>&1 | head). It must not end
	// by that, and leave its tasks behind; a write that fails is an error as any other.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	listener, err := listen(ctx, f)
	if err != nil {
		return err
	}
	requests, stopRequests := context.WithCancel(context.Background())
	defer stopRequests()
	s, err := open(requests, listener.Addr().String())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	shield, err := guard.New(guard.Config{AllowHosts: f.allowHosts, Reject: reject})
	if err != nil {
		return errors.Join(err, listener.Close(), s.stop())
	}
	server := guard.Server(shield.Wrap(s.handler), logger)
	server.BaseContext = func(net.Listener) context.Context { return requests }

	served := make(chan error, 2)
	if s.grpc != nil {
		var http2 net.Listener
		listener, http2 = guard.Split(listener)
		go func() { served <- s.grpc.ServeGRPC(requests, http2, shield.Check) }()
	}
	go func() { served <- server.Serve(listener) }()
	s.settle(ctx)
	ready(listener.Addr().String())
	select {
	case err := <-served:
		return errors.Join(fmt.Errorf("serve: %w", err), s.stop())
	case <-ctx.Done():
	}
	stopRequests()
	return s.shutdown(ctx, server)
}

func listen(ctx context.Context, f listenFlags) (net.Listener, error) {
	if err := guard.CheckBind(f.addr, f.allowUnauthenticated); err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", f.addr)
	if err != nil {
		cause := rootCause(err)
		if errors.Is(err, syscall.EADDRINUSE) {
			cause = fmt.Errorf("%w: is another runwith running? --addr names another address", cause)
		}
		return nil, fmt.Errorf("listen on %s: %w", f.addr, cause)
	}
	return listener, nil
}

func rootCause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

// settle waits until the site does all that it can.
func (s *site) settle(ctx context.Context) {
	if s.settled == nil {
		return
	}
	select {
	case <-s.settled:
	case <-time.After(settleTimeout):
	case <-ctx.Done():
	}
}

// shutdown ends a site in order: what calls it, requests, state.
func (s *site) shutdown(ctx context.Context, server *http.Server) error {
	var errs []error
	if s.drain != nil {
		errs = append(errs, s.drain())
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	var stopping sync.WaitGroup
	if s.grpc != nil {
		stopping.Go(func() { s.grpc.StopGRPC(bounded) })
	}
	if err := server.Shutdown(bounded); err != nil {
		errs = append(errs, server.Close())
	}
	stopping.Wait()
	return errors.Join(append(errs, s.close())...)
}

func (s *site) stop() error {
	if s.drain == nil {
		return s.close()
	}
	return errors.Join(s.drain(), s.close())
}

// reject answers what the guard refuses in the format of the API that was called.
func reject(w http.ResponseWriter, r *http.Request, err *runwith.Error) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		api.WriteProblem(w, err)
		return
	}
	runapi.WriteError(w, err)
}

// dialable is the address by which this machine reaches a listener.
func dialable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr
}
