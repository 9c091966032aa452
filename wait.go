package runwith

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// pollWait is how long one request of Wait waits. Common proxies cut a request
	// that is silent for a minute.
	pollWait = 30 * time.Second
	// minPause and maxPause bound the pause before the next request.
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
)

// Wait returns an invocation once it has settled (see [State.Settled]): it has
// ended, or a person must decide. How it ended is in its State, not in the error.
//
// While the invoker cannot be reached or answers that it is overloaded, Wait
// goes on asking, at growing intervals, until ctx ends: bound it with a deadline.
// When ctx ends, Wait returns the invocation as it was last seen, nil if it never
// was, beside the error.
func (c *Client) Wait(ctx context.Context, id string) (*Invocation, error) {
	path, err := escape("invocations", "invocation", id)
	if err != nil {
		return nil, err
	}
	poll := request{path: path, prefer: fmt.Sprintf("wait=%d", pollWait/time.Second)}
	var seen *Invocation
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		asked := time.Now()
		invocation, err := decode[Invocation](c.send(ctx, poll))
		switch {
		case err == nil && invocation.State.Settled():
			return invocation, nil
		case err == nil:
			seen = invocation
		case !transient(err):
			return seen, err
		}
		if err == nil && time.Since(asked) > maxPause {
			pause = minPause // it did wait; only an answer at once must not be asked for at once again
		}
		if err := sleep(ctx, about(pause), err); err != nil {
			return seen, err
		}
	}
}

// transient reports whether the same request may succeed later.
func transient(err error) bool {
	switch CodeOf(err) {
	case Unavailable, DeadlineExceeded, ResourceExhausted, Internal, Unknown:
		return true
	}
	return false
}

// about is a time around d, so that many who wait do not come back together.
func about(d time.Duration) time.Duration { return d/2 + rand.N(d) }

// sleep pauses for d. When ctx ends first it returns its error, with what
// was waited for as the cause.
func sleep(ctx context.Context, d time.Duration, cause error) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return contextError(ctx, cause)
	}
}
