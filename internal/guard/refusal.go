package guard

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/runwith/runwith"
)

// statusError is the cause of an error whose HTTP status says more than its code.
type statusError struct {
	status int
	cause  error // may be nil
}

func (e *statusError) Error() string {
	if e.cause == nil {
		return http.StatusText(e.status)
	}
	return e.cause.Error()
}

func (e *statusError) Unwrap() error { return e.cause }

// HTTPStatus is what [Status] tells.
func (e *statusError) HTTPStatus() int { return e.status }

// withStatus is a cause that knows a better HTTP status than its error's code.
type withStatus interface {
	error
	HTTPStatus() int
}

// Status returns the HTTP status of err: that of a cause in its tree that has a
// method HTTPStatus (413, 415 or 408 for what a [Guard] says of a request's body,
// 503 for a full disk), and that of the error's code for any other. Writers of
// errors use it in place of the code's own.
func Status(err error) int {
	if s, ok := errors.AsType[withStatus](err); ok {
		return s.HTTPStatus()
	}
	return runwith.CodeOf(err).HTTPStatus()
}

// withRetryAfter is a cause that knows when to ask again.
type withRetryAfter interface {
	error
	RetryAfter() time.Duration
}

// RetryAfter returns in how many seconds err says to ask again, rounded up, as the
// header of that name has it; 0 where it does not say.
// See https://www.rfc-editor.org/rfc/rfc9110#field.retry-after.
func RetryAfter(err error) int {
	later, ok := errors.AsType[withRetryAfter](err)
	if !ok {
		return 0
	}
	return int(max(0, later.RetryAfter()+time.Second-1) / time.Second)
}

func (g *Guard) bodyTooLarge(cause *http.MaxBytesError) *runwith.Error {
	return &runwith.Error{
		Code:    runwith.InvalidArgument,
		Message: fmt.Sprintf("the request's body is larger than %d bytes; send a smaller one", cause.Limit),
		Err:     &statusError{http.StatusRequestEntityTooLarge, cause},
	}
}

func (g *Guard) bodyTooSlow(cause error) *runwith.Error {
	return &runwith.Error{
		Code:    runwith.DeadlineExceeded,
		Message: fmt.Sprintf("the request's body did not arrive within %v; nothing was done, send it again", g.bodyTimeout),
		Err:     &statusError{http.StatusRequestTimeout, cause},
	}
}

func wrongContentType(h http.Header) *runwith.Error {
	return &runwith.Error{
		Code:    runwith.InvalidArgument,
		Message: fmt.Sprintf("Content-Type %q: a request's body must be application/json", h.Get("Content-Type")),
		Err:     &statusError{http.StatusUnsupportedMediaType, nil},
	}
}

// bodyUnreadable is what a body's Read returned, as a refusal.
func bodyUnreadable(err error) *runwith.Error {
	if e, ok := errors.AsType[*runwith.Error](err); ok {
		return e
	}
	return &runwith.Error{
		Code:    runwith.InvalidArgument,
		Message: "the request's body ended too early or is malformed; send it again",
		Err:     err,
	}
}

// rejectText writes the error as plain text.
func rejectText(w http.ResponseWriter, _ *http.Request, err *runwith.Error) {
	http.Error(w, err.Error(), Status(err))
}

// RejectGRPC writes the error as a response of trailers alone, so that a gRPC
// client shows the message instead of an HTTP status that it did not expect.
// See https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses.
func RejectGRPC(w http.ResponseWriter, err *runwith.Error) {
	h := w.Header()
	h.Set("Content-Type", "application/grpc")
	h.Set("Grpc-Status", strconv.Itoa(int(err.Code)))
	h.Set("Grpc-Message", url.PathEscape(err.Message))
	w.WriteHeader(http.StatusOK)
}
