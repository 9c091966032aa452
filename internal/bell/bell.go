// Package bell wakes loops that sleep, and lets others wait until a loop has nothing to do.
package bell

import "context"

// Bell wakes a loop, which receives from it. It holds one ring: a loop that was busy looks
// once, however often it was rung for. New makes one.
type Bell chan struct{}

// New returns a Bell.
func New() Bell { return make(Bell, 1) }

// Ring wakes the loop, or the loop goes on at once when it would sleep next. It never blocks.
func (b Bell) Ring() {
	select {
	case b <- struct{}{}:
	default: // a ring is waiting already
	}
}

// Asks are the questions whether a loop has nothing to do. The loop receives them, and closes
// each when that is so.
type Asks chan chan struct{}

// Wait returns when the loop has nothing to do, or when ctx or the loop ends. A nil ended means
// that ctx ends with the loop.
func (a Asks) Wait(ctx context.Context, ended <-chan struct{}) {
	done := make(chan struct{})
	select {
	case a <- done:
	case <-ctx.Done():
		return
	case <-ended:
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	case <-ended:
	}
}
