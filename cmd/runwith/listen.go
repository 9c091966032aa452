package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/runwith/runwith/internal/principal"
	httpserver "github.com/runwith/runwith/internal/server"
	"github.com/runwith/runwith/internal/tracing"
)

// serving is how a command serves its site.
type serving struct {
	to     listenFlags
	known  bool                // callers are authenticated, so any address will do
	caller principal.Principal // of every request
	tracer *tracing.Tracer     // may be nil
	logger *slog.Logger
	ready  func(addr string) // is called when the site answers
}

// serve listens, opens the site and serves it until ctx is done.
func (s serving) serve(ctx context.Context, open httpserver.Open) error {
	// Without this, a write to standard error ends the process when nobody reads it any
	// more (up 2>&1 | head), and tasks stay behind. With it, the write fails.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	listener, err := httpserver.Listen(ctx, s.to.addr, s.known || s.to.allowUnauthenticated)
	if err != nil {
		return err
	}
	metrics, err := s.to.listenMetrics(ctx)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	c := httpserver.Config{
		Listener: listener, Metrics: metrics, AllowHosts: s.to.allowHosts, Principal: s.caller, Tracer: s.tracer, Version: version(), Logger: s.logger,
	}
	ready := s.ready
	if metrics != nil {
		ready = func(addr string) {
			s.to.tell("metrics are at http://" + metrics.Addr().String() + "/metrics")
			s.ready(addr)
		}
	}
	return httpserver.Serve(ctx, c, open, ready)
}

// listenMetrics returns the listener of --metrics-addr, or nil. It may be on any address,
// because it has no other route.
func (f *listenFlags) listenMetrics(ctx context.Context) (net.Listener, error) {
	if f.metricsAddr == "" {
		return nil, nil
	}
	l, err := httpserver.Listen(ctx, f.metricsAddr, true)
	if err != nil {
		return nil, fmt.Errorf("--metrics-addr: %w", err)
	}
	return l, nil
}
