package invoker

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/bell"
	"github.com/runwith/runwith/internal/invoker/lease"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// watchlist is the jobs whose executions must be read, and when each is due. Its methods
// may be called concurrently. Its times are by the machine's clock.
type watchlist struct {
	now   func() time.Time // by the store's clock
	first time.Duration    // the shortest delay before a round
	pace  time.Duration    // a read costs that much time
	bell  bell.Bell        // holds one when a round is due sooner

	mu      sync.Mutex
	pollers map[string]*poller
	shared  bool      // other processes may add rows
	known   time.Time // when the jobs in the store were looked for
	rounds  int       // how many have begun
	looks   signal    // a poller was given back
}

func newWatchlist(c Config) *watchlist {
	return &watchlist{
		now: c.now, first: c.PollMin, pace: time.Minute / time.Duration(max(1, c.JobReads)),
		bell: bell.New(), pollers: map[string]*poller{}, shared: c.Store != nil && !c.Store.Alone(),
	}
}

// add makes a job due soon, because one of its rows may be new or changed.
func (l *watchlist) add(job string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.pollers[job]
	if p == nil {
		p = &poller{job: job, now: l.now, missing: map[string]time.Time{}, counts: map[string]countFrom{}}
		l.pollers[job] = p
	} else if p.busy {
		p.fresh = true
		return
	}
	l.renew(p)
	l.ring()
}

// discovers reports whether to look for the jobs in the store now.
func (l *watchlist) discovers(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.known) < idleShared {
		return false
	}
	l.known = now
	return true
}

// know adds a job that is in the store, unless it is known.
func (l *watchlist) know(job string) {
	l.mu.Lock()
	p := l.pollers[job]
	if p != nil {
		p.found = true
	}
	l.mu.Unlock()
	if p == nil {
		l.add(job)
	}
}

// ring wakes the watcher. It never blocks.
func (l *watchlist) ring() {
	l.bell.Ring()
}

// lookNow makes every job due. It returns after a round of each job, or when ctx ends. A round
// still waits until the job's reads are paid for.
func (l *watchlist) lookNow(ctx context.Context) {
	for since := l.hurry(); ; {
		l.mu.Lock()
		done, looks := l.looked(since), l.looks.wait()
		l.mu.Unlock()
		if done {
			return
		}
		select {
		case <-looks:
		case <-ctx.Done():
			return
		}
	}
}

// hurry makes every job due, and returns the number of the last round that has begun.
func (l *watchlist) hurry() (since int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.pollers {
		if p.busy {
			p.fresh = true
		} else {
			p.next = p.earliest
		}
	}
	l.ring()
	return l.rounds
}

// looked reports whether every job was looked at in a round after that one.
func (l *watchlist) looked(since int) bool {
	for _, p := range l.pollers {
		if p.busy || p.round <= since {
			return false
		}
	}
	return true
}

// renew resets a poller to the shortest delay.
func (l *watchlist) renew(p *poller) {
	soon := ledger.Later(p.earliest, machineNow().Add(backoff.Jitter(l.first)))
	if p.next.IsZero() || soon.Before(p.next) {
		p.next = soon
	}
	p.delay, p.fresh = l.first, false
}

// due returns the pollers that are due now, and when to ask again.
func (l *watchlist) due(now time.Time) (found []*poller, next time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next = now.Add(idle)
	if l.shared {
		next = now.Add(idleShared)
	}
	for _, p := range l.pollers {
		switch wakes := ledger.Sooner(p.next, p.glance); {
		case p.busy:
		case !wakes.After(now):
			p.busy, p.found, p.early = true, false, p.next.After(now)
			if !p.early {
				l.rounds++
				p.cost, p.round, p.began = 0, l.rounds, now
			}
			found = append(found, p)
		case wakes.Before(next):
			next = wakes
		}
	}
	slices.SortFunc(found, func(a, b *poller) int { return b.urgent.compare(a.urgent) }) // callers wait for the first ones
	return found, next
}

// spend notes that a read of a job's execution was made outside of its rounds.
func (l *watchlist) spend(job string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch p := l.pollers[job]; {
	case p == nil:
	case p.busy:
		p.aside++
	default:
		p.earliest = ledger.Later(p.earliest, machineNow()).Add(l.pace)
		p.next = ledger.Later(p.next, p.earliest)
	}
}

// elsewhere gives back a poller whose job another process polls. It forgets what will be stale when
// this process polls the job again.
func (l *watchlist) elsewhere(p *poller) {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(p.missing)
	p.since, p.urgent, p.delay = nil, ordinary, l.first
	p.busy, p.fresh, p.glance = false, false, time.Time{}
	p.next = machineNow().Add(lease.Again)
	l.looks.send()
}

// glanced gives back a poller after a look for rows of other processes. New rows make its next
// round due soon.
func (l *watchlist) glanced(p *poller, news bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.busy, p.glance = false, machineNow().Add(idleShared)
	l.looks.send()
	if p.fresh || news {
		l.renew(p)
	}
	l.ring()
}

// again gives back a poller that has more to watch. Its next round comes after a longer delay than
// the last one. The delay is at most limit, and shorter if the time that matters comes first. But no
// round begins before the reads of this one are paid for.
func (l *watchlist) again(p *poller, matters time.Time, limit time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := machineNow()
	p.busy = false
	l.looks.send()
	p.earliest = p.began.Add(time.Duration(p.cost+p.aside) * l.pace)
	p.delay, p.aside = growth(p.delay, limit), 0
	p.next = now.Add(backoff.Jitter(p.delay))
	if !matters.IsZero() && matters.Before(p.next) {
		p.next = matters
	}
	p.next = ledger.Later(p.next, p.earliest)
	if p.fresh {
		l.renew(p)
	}
	if l.shared {
		p.glance = now.Add(idleShared)
	}
	l.ring()
}

// done removes a job without watched rows, unless there is something new.
func (l *watchlist) done(p *poller) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looks.send()
	if p.busy = false; p.fresh || p.found {
		l.renew(p)
		l.ring()
		return
	}
	delete(l.pollers, p.job)
}
