package server

import (
	"context"
	"net/http"
	"strconv"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/tracing"
)

// traced returns the handler of a route whose requests belong to the trace of their caller.
// Each is a span of its own if the server makes spans.
func (r *router) traced(route Route, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ctx := req.Context()
		if !route.OwnTrace {
			ctx = tracing.Continue(ctx, req.Header.Get(tracing.Header))
		}
		if r.tracer == nil {
			next.ServeHTTP(w, inContext(req, ctx))
			return
		}
		ctx, span := r.tracer.Start(ctx, tracing.Server, req.Method+" "+route.Pattern, "http.request.method", req.Method, "http.route", route.Pattern)
		defer func() { // also after a panic
			status := statusOf(w)
			span.Set("http.response.status_code", strconv.Itoa(status))
			span.End(statusError(ctx, status))
		}()
		next.ServeHTTP(w, req.WithContext(ctx))
	})
}

// inContext returns a request with a context. Without a trace it is the request itself, so
// that such a request costs nothing.
func inContext(r *http.Request, ctx context.Context) *http.Request { //nolint:revive // the context is a part of the request
	if ctx == r.Context() {
		return r
	}
	return r.WithContext(ctx)
}

// statusOf returns the status of an answer.
func statusOf(w http.ResponseWriter) int {
	if a, ok := w.(*answer); ok && a.status != 0 {
		return a.status
	}
	return http.StatusOK
}

// statusError returns the error that a status stands for, if the server is to blame.
// https://opentelemetry.io/docs/specs/semconv/http/http-spans/#status
func statusError(ctx context.Context, status int) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case status >= http.StatusInternalServerError:
		return runwith.Errorf(runwith.Internal, "%d", status)
	}
	return nil
}
