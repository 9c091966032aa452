package callback

import (
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// take takes deliveries that are due from the store, until the sender closes.
func (s *Sender) take() {
	var asked []chan struct{}
	for s.closing.Err() == nil {
		if s.changed.Swap(false) {
			s.hasten()
		}
		now := s.store.Now()
		s.refresh(now)
		room := s.room()
		due, next, err := s.store.DueDeliveries(s.closing, ledger.Stored(now), leaseTime, perLane, takeAtOnce)
		if err != nil {
			s.storeFailed("take deliveries", err)
			continue
		}
		resume := s.enqueue(due, room, now)
		if len(due) == takeAtOnce {
			continue
		}
		if len(due) == 0 && s.quiet(now) {
			for _, done := range asked {
				close(done)
			}
			asked = nil
		}
		asked = s.await(ledger.Sooner(next, resume), now, asked)
	}
}

// await returns when there may be something to take.
func (s *Sender) await(next, now time.Time, asked []chan struct{}) []chan struct{} {
	wait := s.idle()
	if !next.IsZero() {
		wait = min(wait, max(100*time.Millisecond, next.Sub(now))) // a full lane may have more that are due
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.bell:
	case <-s.store.Added():
	case done := <-s.asks:
		asked = append(asked, done)
	case <-s.closing.Done():
	}
	return asked
}

// room returns how many more deliveries the store may return for each lane at least. A lane
// that is missing has all of its share.
func (s *Sender) room() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	room := make(map[string]int, len(s.lanes))
	for name, l := range s.lanes {
		room[name] = max(0, perLane-l.taken)
	}
	return room
}

// enqueue puts deliveries into their lanes and starts attempts. It returns when the first
// paused lane continues; zero: none is paused. room is what the lanes had before.
func (s *Sender) enqueue(due []ledger.Delivery, room map[string]int, now time.Time) (resume time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := map[string]int{}
	for _, d := range due {
		l := s.lane(d.Lane())
		l.queue = append(l.queue, d)
		l.taken++
		got[d.Lane()]++
	}
	for name, l := range s.lanes {
		had, known := room[name]
		l.more = got[name] >= had && (known || got[name] >= perLane) || len(due) == takeAtOnce
		l.expire(now, s.timeout)
	}
	for _, l := range s.lanes {
		s.start(l, now)
		if now.Before(l.until) && len(l.queue) > 0 {
			resume = ledger.Sooner(l.until, resume)
		}
	}
	return resume
}

// quiet reports whether nothing is under way. A paused lane does not count.
func (s *Sender) quiet(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unsettled > 0 {
		return false
	}
	for _, l := range s.lanes {
		if len(l.queue) > 0 && !now.Before(l.until) && l.health.DisabledAt.IsZero() {
			return false
		}
	}
	return true
}

// start begins as many attempts as the lane may have. s.mu is held.
func (s *Sender) start(l *lane, now time.Time) {
	if now.Before(l.until) || !l.health.DisabledAt.IsZero() || s.closing.Err() != nil {
		return
	}
	for range min(l.bound-l.busy, len(l.queue)) {
		l.busy++
		s.workers.Go(func() { s.work(l) })
	}
}

// work attempts deliveries of a lane, one after the other.
func (s *Sender) work(l *lane) {
	for {
		leave, ok := s.enter(l)
		if !ok {
			return
		}
		d, ok := s.begin(l)
		if !ok {
			leave()
			return
		}
		r := s.try(d)
		leave()
		s.learn(l, r)
		s.results <- r
	}
}

// enter waits for a place for an attempt. If the sender closes first, it ends the worker.
func (s *Sender) enter(l *lane) (leave func(), ok bool) {
	s.mu.Lock()
	slow := l.slow
	s.mu.Unlock()
	places := []chan struct{}{s.places}
	if slow {
		places = []chan struct{}{s.slow, s.places}
	}
	leave = func() {}
	for _, place := range places {
		before := leave
		select {
		case place <- struct{}{}:
			leave = func() { <-place; before() }
		case <-s.closing.Done():
			before()
			s.end(l)
			return nil, false
		}
	}
	return leave, true
}

// begin removes the next delivery of a lane, or ends the worker.
func (s *Sender) begin(l *lane) (d ledger.Delivery, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Err() == nil {
		d, ok = l.next(s.store.Now(), s.timeout)
	}
	if !ok {
		l.busy--
		return d, false
	}
	s.unsettled++
	return d, true
}

// end ends a worker of a lane.
func (s *Sender) end(l *lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.busy--
}

// try makes one attempt, if the delivery still has a target.
func (s *Sender) try(d ledger.Delivery) result {
	to, err := s.Current().target(d)
	if err != nil {
		return result{d, s.untargeted(d, err), s.store.Now()}
	}
	began := s.store.Now()
	r := result{d, s.attempt(s.attempting, to, d), s.store.Now()}
	s.tell(r, began)
	return r
}

// learn adapts a lane to an outcome, and starts more attempts if it may have more.
func (s *Sender) learn(l *lane, r result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.adapt(r.outcome, r.ended)
	s.start(l, r.ended)
}

// left returns the deliveries that were not attempted, as interrupted attempts.
func (s *Sender) left() []result {
	s.mu.Lock()
	defer s.mu.Unlock()
	var results []result
	for _, l := range s.lanes {
		for _, d := range l.queue {
			results = append(results, result{d, outcome{reason: "interrupted", interrupted: true}, s.store.Now()})
		}
		l.queue = nil
	}
	s.unsettled += len(results)
	return results
}

// tell reports an attempt to whoever wants to know of it.
func (s *Sender) tell(r result, began time.Time) {
	if s.attempted == nil || r.outcome.interrupted {
		return
	}
	var failure error
	if !r.outcome.ok() {
		failure = runwith.Errorf(runwith.Unavailable, "%s", r.outcome.reason)
	}
	s.attempted(r.delivery, began, r.ended, failure)
}
