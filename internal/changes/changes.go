// Package changes wakes those who wait for something to change: an execution, an
// invocation. It carries no news, only that there is some; what it is is read from
// the store, so that nothing can be missed or out of date.
package changes

import "sync"

// Feed tells who waits for a key that it has changed. The zero value is ready. Its
// methods may be called concurrently.
type Feed[K comparable] struct {
	mu      sync.Mutex
	waiting map[K]map[chan struct{}]struct{}
}

// Subscribe returns a channel that receives when the key has changed, once for any
// number of changes since it was last received from. Subscribe first and then look,
// so that no change falls in between. The caller calls leave.
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

// Publish tells of a change that is on disk.
func (f *Feed[K]) Publish(key K) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for ch := range f.waiting[key] {
		select {
		case ch <- struct{}{}:
		default: // it has one to look at already
		}
	}
}

// Len is the number of keys that somebody waits for.
func (f *Feed[K]) Len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.waiting)
}
