// Package changes wakes goroutines that wait for an execution or an invocation to change.
// A wake-up carries no data: the receiver reads the store, so that it cannot miss a
// change or see a stale one.
package changes

import (
	"maps"
	"slices"
	"sync"
)

// Feed wakes the subscribers of a key when it changes. The zero value is ready to use.
// Its methods may be called concurrently.
type Feed[K comparable] struct {
	mu      sync.Mutex
	waiting map[K]map[chan struct{}]struct{}
}

// Subscribe returns a channel that receives a value when the key has changed. Several
// changes between two receives yield one value. Subscribe before reading the store, so
// that no change is missed in between. The caller must call leave.
func (f *Feed[K]) Subscribe(key K) (changed <-chan struct{}, leave func()) {
	ch := make(chan struct{}, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.waiting == nil {
		f.waiting = map[K]map[chan struct{}]struct{}{}
	}
	if f.waiting[key] == nil {
		f.waiting[key] = map[chan struct{}]struct{}{}
	}
	f.waiting[key][ch] = struct{}{}
	return ch, func() { f.remove(key, ch) }
}

func (f *Feed[K]) remove(key K, ch chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.waiting[key], ch)
	if len(f.waiting[key]) == 0 {
		delete(f.waiting, key)
	}
}

// Publish wakes the key's subscribers. Call it when the change is on disk. It does not
// block.
func (f *Feed[K]) Publish(key K) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for ch := range f.waiting[key] {
		select {
		case ch <- struct{}{}:
		default: // a wake-up is already pending
		}
	}
}

// Len returns the number of keys with subscribers.
func (f *Feed[K]) Len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.waiting)
}

// Keys returns the keys with subscribers, in no order.
func (f *Feed[K]) Keys() []K {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Keys(f.waiting))
}
