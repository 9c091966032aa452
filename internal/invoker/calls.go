package invoker

import (
	"context"
	"sync"
)

// maxCalls is how many jobs are being started at once.
const maxCalls = 16

// calls are the calls that are out, at most maxCalls and each for one invocation. The
// dispatcher makes them, the watcher asks whether one is out, and a tick waits for all.
type calls struct {
	free chan struct{} // holds one for each that is reserved

	mu    sync.Mutex
	out   map[string]struct{} // by invocation
	ended signal
}

func newCalls() calls {
	return calls{free: make(chan struct{}, maxCalls), out: map[string]struct{}{}}
}

// reserve waits until a job may be started, and returns how many may. The caller
// releases them. It returns 0 when ctx ends.
func (c *calls) reserve(ctx context.Context) int {
	select {
	case c.free <- struct{}{}:
	case <-ctx.Done():
		return 0
	}
	for n := 1; ; n++ {
		select {
		case c.free <- struct{}{}:
		default:
			return n
		}
	}
}

func (c *calls) release(n int) {
	for range n {
		<-c.free
	}
}

// begin notes that a call is out, which was reserved before.
func (c *calls) begin(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out[id] = struct{}{}
}

// end notes that its outcome is written down, and releases it.
func (c *calls) end(id string) {
	c.mu.Lock()
	delete(c.out, id)
	c.ended.send()
	c.mu.Unlock()
	c.release(1)
}

// isOut reports whether a call for the invocation is out.
func (c *calls) isOut(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, out := c.out[id]
	return out
}

// wait returns when no call is out, or when ctx ends.
func (c *calls) wait(ctx context.Context) {
	for {
		c.mu.Lock()
		n, ended := len(c.out), c.ended.wait()
		c.mu.Unlock()
		if n == 0 {
			return
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return
		}
	}
}
