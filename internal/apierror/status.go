// Package apierror maps errors to statuses and writes them to callers.
//
// It is the only place that knows which HTTP status stands for which error. The
// server's APIs have three error formats: gRPC statuses ([GRPC], [WriteGRPC]), Google's
// JSON ([WriteGoogle]) and problem+json ([WriteProblem]). Each format shows
// the code and the message of a [runwith.Error], and hides every other error.
package apierror

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/runwith/runwith/internal/cause"
)

// statuses has the HTTP status of each cause. It takes precedence over the status of
// the error's code.
var statuses = map[cause.Kind]int{
	cause.BodyTooLarge:     http.StatusRequestEntityTooLarge,
	cause.BodyTooSlow:      http.StatusRequestTimeout,
	cause.ContentType:      http.StatusUnsupportedMediaType,
	cause.MethodNotAllowed: http.StatusMethodNotAllowed,
	// https://www.ietf.org/archive/id/draft-ietf-httpapi-idempotency-key-header-07.html#section-2.7
	cause.KeyReused: http.StatusUnprocessableEntity,
	// The body is well-formed JSON of the right form, but the job takes other values.
	cause.Parameters: http.StatusUnprocessableEntity,
	// Deviation: Google answers RESOURCE_EXHAUSTED with 429, which stands for a quota.
	cause.DiskFull: http.StatusServiceUnavailable,
	// The quota is the budget's.
	cause.BudgetExhausted: http.StatusTooManyRequests,
}

// Status returns the HTTP status of err: that of its cause if it has one, and that of
// its code otherwise.
func Status(err error) int {
	if status, ok := statuses[cause.KindOf(err)]; ok {
		return status
	}
	return Public(err).Code.HTTPStatus()
}

// Level returns how much an answer with an HTTP status matters to those who operate the server.
func Level(status int) slog.Level {
	switch {
	case status == http.StatusServiceUnavailable:
		return slog.LevelWarn
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	}
	return slog.LevelDebug
}

// RetryAfter returns the value of the header Retry-After for err, in whole seconds
// rounded up. It is 0 if nobody knows when the failure ends.
// See https://www.rfc-editor.org/rfc/rfc9110#field.retry-after.
func RetryAfter(err error) int {
	return int(max(0, cause.RetryAfterOf(err)+time.Second-1) / time.Second)
}
