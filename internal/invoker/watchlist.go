package invoker

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/runwith/runwith"
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

// poller is what the watcher remembers of a job between two rounds. A round that got it
// from due owns it until it calls again or done.
type poller struct {
	job     string
	now     func() time.Time     // by the store's clock
	pages   int                  // of the last complete list
	listed  time.Time            // when that began
	missing map[string]time.Time // by invocation: since when Cloud Run does not know it
	counts  map[string]countFrom // by invocation
	since   map[string]time.Time // by invocation: since when a round knows that it runs
	rows    map[string]watched   // of the last round, by invocation
	urgent  urgency              // a caller waits for one of its executions
	cost    int                  // reads of this round
	aside   int                  // reads meanwhile that are not the round's

	began          time.Time // the round
	round          int       // number of the last one
	next, earliest time.Time
	delay          time.Duration
	glance         time.Time // when to look for rows of other processes; zero: there are none
	early          bool      // it is time for that, but not for the next round
	busy, fresh    bool
	found          bool // the store had rows since the look has begun
}

// watched is what is new of a row if another process has changed it.
type watched struct {
	state      runwith.State
	cancelling bool
}

func watchedOf(r ledger.Record) watched { return watched{r.State, !r.CancelRequested.IsZero()} }

// countFrom is when a list may begin in which "not found" counts. row is by the store's clock.
// here is by the machine's monotonic clock, so that a jump of a clock does not bring it nearer.
type countFrom struct {
	row, here time.Time
}

func newWatchlist(c Config) *watchlist {
	return &watchlist{
		now: c.now, first: c.PollMin, pace: time.Minute / time.Duration(max(1, c.JobReads)),
		bell: bell.New(), pollers: map[string]*poller{}, shared: c.Store != nil && !c.Store.Alone(),
	}
}

// add has a job looked at soon, because there may be something new.
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

// lookNow has every job looked at as soon as its reads allow. It returns when that is
// done, or when ctx ends.
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

// renew lets a poller begin with the shortest delay again.
func (l *watchlist) renew(p *poller) {
	soon := ledger.Later(p.earliest, machineNow().Add(backoff.Jitter(l.first)))
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

// elsewhere gives back a poller whose job another process polls. What it remembers is old when
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

// glanced gives back a poller whose next round is not due. It is soon if there are new rows.
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

// again gives back a poller that has more to watch. Its next round is after a longer
// delay than before, at most limit, but not after a time that matters, and never before
// the reads of this round are paid for.
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

// news reports whether there are rows that the last round did not know, or not as they are.
func (p *poller) news(rows []ledger.Record) bool {
	return slices.ContainsFunc(rows, func(r ledger.Record) bool { return p.rows[r.ID] != watchedOf(r) })
}

// counting returns when a list may begin that proves, by not showing the record's
// execution, that there is none.
func (p *poller) counting(r ledger.Record) time.Time {
	c := p.counts[r.ID]
	if !c.row.Equal(r.SearchFrom) {
		c = countFrom{r.SearchFrom, machineNow().Add(r.SearchFrom.Sub(p.now()))}
		p.counts[r.ID] = c
	}
	return c.here
}
