package engine

import (
	"maps"
	"sync"
	"time"
)

// timers hold keys, each for some time. The zero value is ready to use. Their methods may
// be called concurrently.
type timers[K comparable] struct {
	mu    sync.Mutex
	until map[K]time.Time
}

// add holds a key from now on. It drops the keys whose time is over.
func (t *timers[K]) add(key K, d time.Duration) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.until == nil {
		t.until = map[K]time.Time{}
	}
	maps.DeleteFunc(t.until, func(_ K, until time.Time) bool { return !now.Before(until) })
	t.until[key] = now.Add(d)
}

// left returns how much longer a key is held; 0 if it is not.
func (t *timers[K]) left(key K) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(0, time.Until(t.until[key]))
}
