package invoker

import (
	"sync"
	"time"
)

// watchlist knows which executions are running and when each is to be read next.
// Its methods may be called concurrently.
type watchlist struct {
	first time.Duration // delay of an execution's first read
	wake  chan struct{} // holds one when something was put on the list

	mu      sync.Mutex
	entries map[string]*watched // by invocation
}

// watched is one execution. Who got it from due owns it until it gives it back.
type watched struct {
	id, execution string
	next          time.Time
	delay         time.Duration
	busy          bool      // is being read
	missing       time.Time // since when Cloud Run does not know it; zero: it does
}

func newWatchlist(first time.Duration) *watchlist {
	return &watchlist{first: first, wake: make(chan struct{}, 1), entries: map[string]*watched{}}
}

func (l *watchlist) add(id, execution string) {
	l.put(&watched{id: id, execution: execution, next: time.Now().Add(jitter(l.first)), delay: l.first})
}

// due returns what is to be read now, and when to ask again.
func (l *watchlist) due(now time.Time) (found []*watched, next time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next = now.Add(time.Hour)
	for _, w := range l.entries {
		switch {
		case w.busy:
		case !w.next.After(now):
			w.busy = true
			found = append(found, w)
		case w.next.Before(next):
			next = w.next
		}
	}
	return found, next
}

// again gives back an execution that is to be read once more, later than before.
func (l *watchlist) again(w *watched, limit time.Duration) {
	l.put(&watched{id: w.id, execution: w.execution, missing: w.missing,
		next: time.Now().Add(jitter(w.delay)), delay: growth(w.delay, limit)})
}

// done takes an execution off the list.
func (l *watchlist) done(w *watched) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.entries, w.id)
}

func (l *watchlist) put(w *watched) {
	l.mu.Lock()
	l.entries[w.id] = w
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
