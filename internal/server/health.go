package server

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/runwith/runwith/internal/apierror"
)

// readyTimeout limits the answer of /readyz.
const readyTimeout = 5 * time.Second

// health answers whether the server is alive and ready.
type health struct {
	version string
	checks  []func(context.Context) error
	log     *slog.Logger
}

// serveAlive answers that the process serves requests. It checks nothing.
func (h *health) serveAlive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"status": "ok", "version": h.version}) // the caller may have left
}

// serveReady answers whether the site can do its work. The first check that fails
// decides.
func (h *health) serveReady(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	for _, check := range h.checks {
		if err := apierror.Ended(r.Context(), check(ctx)); err != nil {
			h.log.WarnContext(ctx, "server is not ready", "reason", err, "cause", errors.Unwrap(err))
			apierror.WriteProblem(w, err)
			return
		}
	}
	h.serveAlive(w, r)
}
