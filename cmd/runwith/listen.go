package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/runwith/runwith/internal/principal"
	httpserver "github.com/runwith/runwith/internal/server"
)

// serving is how a command serves its site.
type serving struct {
	to     listenFlags
	caller principal.Principal // of every request
	logger *slog.Logger
	ready  func(addr string) // is called when the site answers
}

// serve listens, opens the site and serves it until ctx is done.
func (s serving) serve(ctx context.Context, open httpserver.Open) error {
	// Without this, a write to standard error ends the process when nobody reads it any
	// more (up 2>&1 | head), and tasks stay behind. With it, the write fails.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	listener, err := httpserver.Listen(ctx, s.to.addr, s.to.allowUnauthenticated)
	if err != nil {
		return err
	}
	c := httpserver.Config{
		Listener: listener, AllowHosts: s.to.allowHosts, Principal: s.caller, Version: version(), Logger: s.logger,
	}
	return httpserver.Serve(ctx, c, open, s.ready)
}
