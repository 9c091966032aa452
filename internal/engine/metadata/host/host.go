// Package host serves a metadata server on a listener of its own, for tasks that must not
// reach anything else of the engine.
package host

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/runwith/runwith/internal/guard"
	"github.com/runwith/runwith/internal/server"
)

// Host is a metadata server on its own listener.
type Host struct {
	addr   string
	server *http.Server
	served chan struct{}
}

// Addr returns the HOST:PORT of the listener.
func (h *Host) Addr() string { return h.addr }

// Serve serves handler on a listener. The Host owns the listener; if Serve fails, it closes
// the listener. names are the host names that tasks use to reach it. The caller closes the
// Host.
func Serve(listener net.Listener, handler http.Handler, names []string, log *slog.Logger) (*Host, error) {
	shield, err := guard.New(guard.Config{AllowHosts: names})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	h := &Host{addr: listener.Addr().String(), server: server.HTTP(shield.Wrap(handler), log), served: make(chan struct{})}
	go func() {
		defer close(h.served)
		if err := h.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("serve metadata to tasks", "error", err)
		}
	}()
	return h, nil
}

// Close closes the listener, and ends requests that take longer than a second.
func (h *Host) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := h.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = h.server.Close()
	}
	<-h.served
	return err
}
