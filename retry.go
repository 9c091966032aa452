package runwith

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"
)

const (
	// maxSends is how often a request is sent that may be sent again.
	maxSends = 6
	// maxRetryAfter bounds what is believed of a server that asks to wait.
	maxRetryAfter = 30 * time.Second
)

// again makes a call that may be made any number of times, until there is an answer
// that a later one would not better: a few times, at growing intervals, or when the
// server has asked for it.
func (c *Client) again(ctx context.Context, call func() (*Invocation, error)) (*Invocation, error) {
	pause := minPause
	for n := 1; ; n++ {
		invocation, err := call()
		if err == nil || n == maxSends || !transient(err) || ctx.Err() != nil {
			return invocation, err
		}
		if c.Retrying != nil {
			c.Retrying(err)
		}
		if err := sleep(ctx, retryAfter(err)+about(pause), err); err != nil {
			return nil, err
		}
		pause = min(2*pause, maxPause)
	}
}

// throttledError is the cause of an answer that asked to wait.
type throttledError struct{ after time.Duration }

func (e throttledError) Error() string { return "asked to wait for " + e.after.String() }

// retryAfter returns how long the server has asked to wait, 0 where it has not.
func retryAfter(err error) time.Duration {
	if t, ok := errors.AsType[throttledError](err); ok {
		return t.after
	}
	return 0
}

// throttled reads the header Retry-After, in seconds; nil where there is none.
func throttled(h http.Header) error {
	if seconds, err := strconv.Atoi(h.Get("Retry-After")); err == nil && seconds > 0 {
		return throttledError{min(time.Duration(seconds)*time.Second, maxRetryAfter)}
	}
	return nil
}
