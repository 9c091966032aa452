// Package backoff computes the waits between tries: each is twice as long as the one
// before, up to a maximum.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff yields waits that double from Min up to Max. A Max of zero is no limit.
// It must not be used by several goroutines at once.
type Backoff struct {
	Min, Max time.Duration

	tries int
}

// Next returns the next wait: Min the first time, and then twice the last one.
func (b *Backoff) Next() time.Duration {
	wait := b.After(b.tries)
	b.tries++
	return wait
}

// Reset makes the next wait Min again, after a try that succeeded.
func (b *Backoff) Reset() { b.tries = 0 }

// After returns the wait that follows n waits, without counting it: Min for 0. It is
// for callers that keep the number of tries themselves.
func (b *Backoff) After(n int) time.Duration {
	wait := b.Min
	for range n {
		atMax, overflows := b.Max > 0 && wait >= b.Max, 2*wait <= wait
		if atMax || overflows {
			break
		}
		wait *= 2
	}
	if b.Max > 0 {
		wait = min(wait, b.Max)
	}
	return wait
}

// Jitter returns d give or take a fifth, so that what began together drifts apart.
func Jitter(d time.Duration) time.Duration { return d*4/5 + rand.N(d*2/5+1) }

// Sleep waits for d. When ctx ends first, Sleep returns its cause at once.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
