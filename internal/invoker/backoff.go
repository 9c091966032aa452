package invoker

import (
	"math/rand/v2"
	"time"
)

// retryMin and retryMax bound the wait before a job is tried again that was not
// started.
const retryMin, retryMax = time.Second, time.Minute

// backoff returns how long to wait before the next try, after n before.
func backoff(n int) time.Duration {
	return jitter(min(retryMax, retryMin<<min(n, 10)))
}

// growth is by how much a poll's delay grows each time.
func growth(d, limit time.Duration) time.Duration { return min(limit, d*3/2) }

// jitter returns d give or take a fifth, so that what began together does not
// stay together.
func jitter(d time.Duration) time.Duration {
	return d*4/5 + rand.N(d*2/5+1)
}
