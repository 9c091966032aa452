package runwith

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// pollWait is the longest time of one request of Wait. Common proxies end a
	// request after a minute without data.
	pollWait = 30 * time.Second
	// minPause and maxPause limit the pause before the next request.
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
)

// Wait waits until an invocation has settled (see [State.Settled]): it has ended, or
// a person must decide. The result of the job is in the invocation's State, not in
// the error.
//
// While the invoker is unreachable or overloaded, Wait retries with exponential
// backoff until ctx ends, so give ctx a deadline. When ctx ends, Wait returns the
// error together with the last known invocation, or nil if there is none. Other
// errors, such as [NotFound], end Wait at once.
func (c *Client) Wait(ctx context.Context, id string) (*Invocation, error) {
	path, err := escape("invocations", "invocation", id)
	if err != nil {
		return nil, err
	}
	poll := request{path: path, prefer: fmt.Sprintf("wait=%d", pollWait/time.Second)}
	var seen *Invocation
	for pause := minPause; ; pause = longer(pause) {
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
			pause = minPause
			continue // the server did wait; only an immediate answer needs a pause
		}
		if err := sleep(ctx, about(pause), err); err != nil {
			return seen, err
		}
	}
}

// transient reports whether a retry may succeed.
func transient(err error) bool {
	switch CodeOf(err) {
	case Unavailable, DeadlineExceeded, ResourceExhausted, Internal, Unknown:
		return true
	}
	return false
}

// longer returns the pause after a pause: twice as long, within the limits. The first follows 0.
func longer(pause time.Duration) time.Duration { return min(max(minPause, 2*pause), maxPause) }

// about returns a random time around d, so that many clients do not retry together.
func about(d time.Duration) time.Duration { return d/2 + rand.N(d) }

// sleep pauses for d. If ctx ends first, sleep returns its error with the given
// cause.
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
