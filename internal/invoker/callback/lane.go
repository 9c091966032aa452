package callback

import (
	"time"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

const (
	// maxBusy bounds the attempts of one lane that are under way.
	maxBusy = 32
	// firstBusy is the bound of a lane that nothing is known about.
	firstBusy = 4
	// perLane is how many deliveries of a lane are taken from the store. A lane asks for more
	// when half of them are left.
	perLane = 4 * maxBusy
	// minPause and maxPause bound the pause of a lane whose endpoint asks for fewer requests.
	minPause, maxPause = time.Second, time.Hour
)

// lane holds the deliveries to one endpoint that were taken from the store. The sender's
// mutex guards it.
//
// A fast endpoint may have many attempts under way, one that does not answer a single one. So
// endpoints that hang keep few of the sender's places.
type lane struct {
	queue  []ledger.Delivery
	taken  int       // deliveries in the queue, under way, or not settled yet
	busy   int       // attempts under way
	bound  int       // of busy
	slow   bool      // the last attempt got no answer
	until  time.Time // paused until then
	pauses backoff.Backoff
	more   bool // the store may have more for it
	health ledger.Endpoint
	told   time.Time // when its health was logged last
}

func newLane(health ledger.Endpoint) *lane {
	l := &lane{bound: firstBusy, pauses: backoff.Backoff{Min: minPause, Max: maxPause}, health: health}
	if !health.FailingSince.IsZero() {
		l.bound, l.slow = 1, true // it may still hang
	}
	return l
}

// next removes the delivery to attempt next. It passes over deliveries whose lease does not
// last for an attempt: they come back later.
func (l *lane) next(now time.Time, attempt time.Duration) (d ledger.Delivery, ok bool) {
	if l.busy > l.bound || now.Before(l.until) || !l.health.DisabledAt.IsZero() {
		return d, false
	}
	l.expire(now, attempt)
	if len(l.queue) == 0 {
		return d, false
	}
	d, l.queue = l.queue[0], l.queue[1:]
	return d, true
}

// expire removes deliveries whose lease does not last for an attempt.
func (l *lane) expire(now time.Time, attempt time.Duration) {
	for len(l.queue) > 0 && l.queue[0].Lease.Before(now.Add(attempt)) {
		l.queue = l.queue[1:]
		l.taken--
		l.more = true
	}
}

// adapt changes the number of attempts, or pauses the lane, after an outcome.
func (l *lane) adapt(o outcome, now time.Time) {
	if o.interrupted || o.removed {
		return
	}
	l.slow = o.status == 0
	switch {
	case o.throttled():
		l.bound = 1
		l.until = now.Add(min(max(l.pauses.Next(), o.retryAfter), maxPause))
	case l.slow:
		l.bound = max(1, l.bound/2)
	default:
		l.pauses.Reset()
		l.bound = min(l.bound+1, maxBusy)
	}
}

// low reports whether the lane should ask the store for more.
func (l *lane) low() bool { return l.more && len(l.queue) < perLane/2 }
