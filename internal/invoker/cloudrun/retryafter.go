package cloudrun

import (
	"net/http"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	"github.com/runwith/runwith/internal/cause"
)

// maxRetryAfter bounds the wait that a server may ask for.
const maxRetryAfter = time.Hour

// RetryAfter returns how long Cloud Run has asked to wait before the next call; 0 if it has
// not.
//
// See https://cloud.google.com/apis/design/errors#retry_info.
func RetryAfter(err error) time.Duration {
	if after := cause.RetryAfterOf(err); after > 0 {
		return after
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

// throttled returns the header Retry-After as a cause, or nil if it names no time.
// See https://www.rfc-editor.org/rfc/rfc9110#field.retry-after.
func throttled(h http.Header) error {
	value := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		return cause.RetryAfter(time.Duration(max(0, min(seconds, int(maxRetryAfter/time.Second)))) * time.Second)
	}
	if at, err := http.ParseTime(value); err == nil {
		return cause.RetryAfter(bounded(time.Until(at)))
	}
	return nil
}

func bounded(d time.Duration) time.Duration { return max(0, min(d, maxRetryAfter)) }
