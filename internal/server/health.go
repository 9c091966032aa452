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
	notes   []func() string
	log     *slog.Logger
}

// serveAlive answers that the process serves requests. It checks nothing.
func (h *health) serveAlive(w http.ResponseWriter, _ *http.Request) {
	h.serveOK(w, nil)
}

// serveOK answers that all is well, with notes.
func (h *health) serveOK(w http.ResponseWriter, notes []string) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(struct { // the caller may have left
		Status  string   `json:"status"`
		Version string   `json:"version"`
		Notes   []string `json:"notes,omitempty"`
	}{"ok", h.version, notes})
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
	var notes []string
	for _, note := range h.notes {
		if text := note(); text != "" {
			notes = append(notes, text)
		}
	}
	h.serveOK(w, notes)
}
