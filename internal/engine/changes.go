package engine

import "sync"

// changes wakes those who wait for an execution to change. The zero value is
// ready.
type changes struct {
	mu      sync.Mutex
	waiters map[int64]map[chan struct{}]struct{} // by execution
}

// subscribe returns a channel that receives when the execution has changed, once
// for any number of changes since it was last looked at. Subscribe before looking
// at the execution, so that no change falls in between. The caller calls leave.
func (c *changes) subscribe(execution int64) (changed <-chan struct{}, leave func()) {
	ch := make(chan struct{}, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiters == nil {
		c.waiters = map[int64]map[chan struct{}]struct{}{}
	}
	if c.waiters[execution] == nil {
		c.waiters[execution] = map[chan struct{}]struct{}{}
	}
	c.waiters[execution][ch] = struct{}{}
	return ch, func() { c.remove(execution, ch) }
}

func (c *changes) remove(execution int64, ch chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiters[execution], ch)
	if len(c.waiters[execution]) == 0 {
		delete(c.waiters, execution)
	}
}

// publish tells of a change that is on disk.
func (c *changes) publish(execution int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ch := range c.waiters[execution] {
		select {
		case ch <- struct{}{}:
		default: // it has one to look at already
		}
	}
}
