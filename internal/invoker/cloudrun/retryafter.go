package cloudrun

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// maxRetryAfter bounds what is believed of a server that asks to wait.
const maxRetryAfter = time.Hour

// RetryAfter returns how long Cloud Run has asked to wait before the next call, 0
// where it has not said.
//
// See https://cloud.google.com/apis/design/errors#retry_info.
func RetryAfter(err error) time.Duration {
	if t, ok := errors.AsType[*throttledError](err); ok {
		return t.after
	}
	s, ok := status.FromError(err)
	if !ok {
		return 0
	}
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return bounded(info.GetRetryDelay().AsDuration())
		}
	}
	return 0
}

// throttledError is the cause of an answer over HTTP that asked to wait.
type throttledError struct {
	after time.Duration
}

func (e *throttledError) Error() string { return "asked to wait for " + e.after.String() }

// RetryAfter is how long to wait, as the HTTP header of that name tells it.
func (e *throttledError) RetryAfter() time.Duration { return e.after }

// throttled reads the header Retry-After; nil where it names no time.
// See https://www.rfc-editor.org/rfc/rfc9110#field.retry-after.
func throttled(h http.Header) error {
	value := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		return &throttledError{bounded(time.Duration(seconds) * time.Second)}
	}
	if at, err := http.ParseTime(value); err == nil {
		return &throttledError{bounded(time.Until(at))}
	}
	return nil
}

func bounded(d time.Duration) time.Duration { return max(0, min(d, maxRetryAfter)) }
