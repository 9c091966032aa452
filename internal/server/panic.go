package server

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/guard"
	"github.com/runwith/runwith/internal/metrics"
)

// panics recovers from panics of handlers, so that one bad request does not end the
// requests of others.
type panics struct {
	log   *slog.Logger
	count *metrics.Counter
}

func newPanics(log *slog.Logger) *panics {
	return &panics{log, metrics.NewCounter("runwith_server_panics_total", "Requests whose handler panicked.", "protocol").With("http")}
}

// recover answers a request whose handler panicked, or breaks off an answer that has
// begun. It is deferred.
func (p *panics) recover(w *answer, r *http.Request, reject func(http.ResponseWriter, *http.Request, error)) {
	value := recover()
	if value == nil {
		return
	}
	if err, ok := value.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(value) // net/http's way to break off an answer
	}
	p.count.Inc("http")
	failure := apierror.Panicked(value)
	p.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "pattern", r.Pattern, "error", failure, "stack", failure.Stack())
	if w.status != 0 {
		panic(http.ErrAbortHandler)
	}
	if guard.IsGRPC(r) {
		apierror.WriteGRPC(w, failure)
		return
	}
	reject(w, r, failure)
}
