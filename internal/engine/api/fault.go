package api

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/fault"
)

// faults makes calls go wrong on demand, to test callers.
type faults struct {
	plan    *fault.Plan
	project string // its number
	log     *slog.Logger
}

// intercept runs around every call, inside interceptor, and makes it go wrong if the plan
// says so.
func (f *faults) intercept(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	method := path.Base(info.FullMethod)
	c := f.plan.Call(method)
	f.log.DebugContext(ctx, "fault of a call", "method", method, "call", c.Number, "fault", cmp.Or(c.Kind, "none"))
	if c.Kind == fault.Quota429 {
		return nil, f.quotaExceeded(info.FullMethod, c.Delay)
	}
	if c.Kind == fault.NotDone {
		ctx = engine.SettleAfter(ctx, c.Delay)
	}
	res, err := handler(ctx, req)
	switch {
	case c.Kind == fault.AnswerLost:
		lose(ctx)
		return nil, runwith.Errorf(runwith.Unavailable, "the answer is lost")
	case c.Kind == fault.Answer503 && err == nil:
		return nil, runwith.Errorf(runwith.Unavailable, "The service is currently unavailable.")
	}
	return res, err
}

// quotaExceeded is Cloud Run's answer to a project that calls a method too often.
// https://cloud.google.com/run/quotas#api
func (f *faults) quotaExceeded(fullMethod string, retryAfter time.Duration) error {
	metric, service := quotaMetric(path.Base(fullMethod)), "run.googleapis.com"
	if strings.HasPrefix(fullMethod, "/google.logging.") {
		service = "logging.googleapis.com"
	}
	e := runwith.Errorf(runwith.ResourceExhausted,
		"Quota exceeded for quota metric '%[1]s' and limit '%[1]s per minute per region' of service '%[2]s' for consumer 'project_number:%[3]s'.",
		metric, service, f.project)
	if retryAfter > 0 {
		e.Err = cause.RetryAfter(retryAfter)
	}
	return e
}

// quotaMetric returns which of Cloud Run's three quotas a method counts against.
func quotaMetric(method string) string {
	switch {
	case method == "RunJob":
		return "Job run requests"
	case strings.HasPrefix(method, "Get"), strings.HasPrefix(method, "List"), method == "WaitOperation":
		return "Read requests"
	}
	return "Write requests"
}

// exchange is a response that may be lost.
type exchange struct {
	http.ResponseWriter
	lost atomic.Bool
}

type exchangeKey struct{}

// lose drops the answer of the call with ctx.
func lose(ctx context.Context) {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		x.lost.Store(true)
	}
}

// losing serves a request whose answer may be lost. In that case net/http closes the
// connection, or resets the stream of HTTP/2 and keeps the others.
func losing(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
	x := &exchange{ResponseWriter: w}
	serve(x, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x)))
	if x.lost.Load() {
		panic(http.ErrAbortHandler)
	}
}

// Write drops a lost answer.
func (x *exchange) Write(p []byte) (int, error) {
	if x.lost.Load() {
		return len(p), nil
	}
	return x.ResponseWriter.Write(p)
}

// WriteHeader drops a lost answer.
func (x *exchange) WriteHeader(status int) {
	if !x.lost.Load() {
		x.ResponseWriter.WriteHeader(status)
	}
}

// Flush implements [http.Flusher], which gRPC's server needs.
func (x *exchange) Flush() {
	if flusher, ok := x.ResponseWriter.(http.Flusher); ok && !x.lost.Load() {
		flusher.Flush()
	}
}

// Unwrap lets an [http.ResponseController] find the connection.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// within joins two interceptors: outer calls inner.
func within(outer, inner grpc.UnaryServerInterceptor) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		return outer(ctx, req, info, func(ctx context.Context, req any) (any, error) {
			return inner(ctx, req, info, handler)
		})
	}
}
