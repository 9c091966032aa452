package invoker

import (
	"math/rand/v2"
	"time"
)

// growth is how a poll's delay grows each time.
func growth(d, limit time.Duration) time.Duration { return min(limit, d*3/2) }

// jitter returns d give or take a fifth, so that things that began together drift apart.
func jitter(d time.Duration) time.Duration {
	return d*4/5 + rand.N(d*2/5+1)
}
