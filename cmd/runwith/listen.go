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
	"syscall"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/engine/emulator"
	"github.com/runwith/runwith/internal/guard"
)

// serve listens, opens the site for the address and serves it until ctx ends, as
// [emulator.Serve] does.
func serve(ctx context.Context, f listenFlags, logger *slog.Logger,
	open func(ctx context.Context, addr string) (*emulator.Site, error), ready func(addr string)) error {
	// Nobody may read what a server says any more (up 2>&1 | head). It must not end
	// by that, and leave its tasks behind; a write that fails is an error as any other.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	listener, err := listen(ctx, f)
	if err != nil {
		return err
	}
	return emulator.Serve(ctx, emulator.Config{Listener: listener, AllowHosts: f.allowHosts, Reject: reject, Logger: logger}, open, ready)
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

// reject answers what the guard refuses in the format of the API that was called.
func reject(w http.ResponseWriter, r *http.Request, err *runwith.Error) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		apierror.WriteProblem(w, err)
		return
	}
	apierror.WriteGoogle(w, err)
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
