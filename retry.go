package runwith

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"
)

const (
	// maxSends is the maximum number of attempts, the first included.
	maxSends = 6
	// maxRetryAfter limits the pause that a server can demand, and maxSeconds what is read.
	maxRetryAfter = 30 * time.Second
	maxSeconds    = 1 << 30
)

// again makes an idempotent call and retries it while its error is transient, up to
// maxSends attempts, with exponential backoff plus the server's Retry-After. It gives up at
// once if the server asks for more time than all attempts can wait, as after a refusal that
// lasts until the end of the month.
func again[T any](ctx context.Context, c *Client, call func() (*T, error)) (*T, error) {
	pause := minPause
	for n := 1; ; n++ {
		answer, err := call()
		if err == nil || n == maxSends || !transient(err) || retryAfter(err) > time.Duration(maxSends-n)*maxRetryAfter || ctx.Err() != nil {
			return answer, err
		}
		if c.Retrying != nil {
			c.Retrying(err)
		}
		if err := sleep(ctx, min(retryAfter(err), maxRetryAfter)+about(pause), err); err != nil {
			return nil, err
		}
		pause = longer(pause)
	}
}

// throttledError is the cause of an answer with a Retry-After header.
type throttledError struct{ after time.Duration }

func (e throttledError) Error() string { return "the server asked to wait for " + e.after.String() }

// retryAfter returns the pause that the server demands, or 0.
func retryAfter(err error) time.Duration {
	if t, ok := errors.AsType[throttledError](err); ok {
		return t.after
	}
	return 0
}

// throttled returns a throttledError if the header Retry-After has seconds, or nil.
func throttled(h http.Header) error {
	if seconds, err := strconv.Atoi(h.Get("Retry-After")); err == nil && seconds > 0 {
		return throttledError{time.Duration(min(seconds, maxSeconds)) * time.Second}
	}
	return nil
}
