package invoker

import (
	"sync"
	"time"
)

// watchlist knows the jobs of which executions are to be read, and when each is
// next. Its methods may be called concurrently.
type watchlist struct {
	first, limit time.Duration // the delay before the next round grows from first to limit
	pace         time.Duration // a read costs that much time
	wake         chan struct{} // holds one when a round has come sooner

	mu      sync.Mutex
	pollers map[string]*poller
}

// poller is what is remembered of a job between two rounds. Who got it from due
// owns it until it gives it back.
type poller struct {
	job     string
	pages   int                  // that the last whole list had
	listed  time.Time            // when that began
	missing map[string]time.Time // by execution: since when Cloud Run does not know it
	counts  map[string]countFrom // by invocation
	cost    int                  // reads of this round

	began          time.Time // the last round
	next, earliest time.Time
	delay          time.Duration
	busy, fresh    bool
}

// countFrom is when a list may begin in which "not found" counts. Its time is by
// the monotonic clock, so that a jump of the other one does not bring it near.
type countFrom struct {
	row, here time.Time
}

func newWatchlist(c Config) *watchlist {
	return &watchlist{
		first: c.PollMin, limit: c.PollMax, pace: time.Minute / time.Duration(max(1, c.JobReads)),
		wake: make(chan struct{}, 1), pollers: map[string]*poller{},
	}
}

// add has a job looked at soon: there is something new to be seen.
func (l *watchlist) add(job string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.pollers[job]
	if p == nil {
		p = &poller{job: job, missing: map[string]time.Time{}, counts: map[string]countFrom{}}
		l.pollers[job] = p
	} else if p.busy {
		p.fresh = true
		return
	}
	l.renew(p)
	wake(l.wake)
}

// hurry has every job looked at as soon as its reads allow.
func (l *watchlist) hurry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.pollers {
		if p.busy {
			p.fresh = true
		} else {
			p.next = p.earliest
		}
	}
	wake(l.wake)
}

// looked reports whether every job was looked at in a round that began after a time.
func (l *watchlist) looked(since time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.pollers {
		if p.busy || p.began.Before(since) {
			return false
		}
	}
	return true
}

// renew lets a poller begin with the shortest delay again.
func (l *watchlist) renew(p *poller) {
	soon := later(p.earliest, time.Now().Add(jitter(l.first)))
	if p.next.IsZero() || soon.Before(p.next) {
		p.next = soon
	}
	p.delay, p.fresh = l.first, false
}

// due returns what is to be looked at now, and when to ask again.
func (l *watchlist) due(now time.Time) (found []*poller, next time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next = now.Add(idle)
	for _, p := range l.pollers {
		switch {
		case p.busy:
		case !p.next.After(now):
			p.busy, p.cost, p.began = true, 0, time.Now()
			found = append(found, p)
		case p.next.Before(next):
			next = p.next
		}
	}
	return found, next
}

// again gives back a poller that is to look once more: later than before, but not
// past a time that matters. What a round has cost is waited for in any case.
func (l *watchlist) again(p *poller, matters time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	p.busy = false
	p.earliest = now.Add(time.Duration(p.cost) * l.pace)
	p.delay = growth(p.delay, l.limit)
	p.next = now.Add(jitter(p.delay))
	if !matters.IsZero() && matters.Before(p.next) {
		p.next = matters
	}
	p.next = later(p.next, p.earliest)
	if p.fresh {
		l.renew(p)
	}
	wake(l.wake)
}

// done lets a job go that nothing is to be seen of, unless there is something new.
func (l *watchlist) done(p *poller) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.busy = false; p.fresh {
		l.renew(p)
		wake(l.wake)
		return
	}
	delete(l.pollers, p.job)
}

// counting returns when a list may begin in which it counts that the record is not
// found.
func (p *poller) counting(r Record) time.Time {
	c := p.counts[r.ID]
	if !c.row.Equal(r.SearchFrom) {
		c = countFrom{r.SearchFrom, time.Now().Add(time.Until(r.SearchFrom))}
		p.counts[r.ID] = c
	}
	return c.here
}
