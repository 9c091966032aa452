package invoker

import "sync"

// changes wakes who waits for an invocation to change. Its methods may be called
// concurrently.
type changes struct {
	mu      sync.Mutex
	waiting map[string]map[chan struct{}]bool // by invocation
}

func newChanges() *changes { return &changes{waiting: map[string]map[chan struct{}]bool{}} }

// subscribe returns a channel that holds one value once the invocation has
// changed, and a function that ends the subscription. Who subscribes first and
// reads the invocation then misses no change.
func (c *changes) subscribe(id string) (changed <-chan struct{}, end func()) {
	ch := make(chan struct{}, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting[id] == nil {
		c.waiting[id] = map[chan struct{}]bool{}
	}
	c.waiting[id][ch] = true
	return ch, func() { c.unsubscribe(id, ch) }
}

func (c *changes) unsubscribe(id string, ch chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting[id], ch)
	if len(c.waiting[id]) == 0 {
		delete(c.waiting, id)
	}
}

// announce wakes all who wait for the invocation.
func (c *changes) announce(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ch := range c.waiting[id] {
		select {
		case ch <- struct{}{}:
		default: // it has not looked since the last change
		}
	}
}
