package callback

import (
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// Several processes on one store deliver events at the same time. What one of them learns of an
// endpoint, the others read from the store.

const (
	// idleShared is how often a shared store is asked without a reason.
	idleShared = time.Second
	// rollout is how long processes may have different configurations. An endpoint that only the
	// new one has is unknown to the others.
	rollout = time.Hour
	// postponed is the wait before a delivery to an unknown endpoint is looked at again.
	postponed = 10 * time.Second
)

// idle returns how often the store is asked without a reason.
func (s *Sender) idle() time.Duration {
	if s.store.Alone() {
		return idle
	}
	return idleShared
}

// refresh reads the health of the endpoints again if other processes may have changed it. Only
// take calls it.
func (s *Sender) refresh(now time.Time) {
	if s.store.Alone() || now.Sub(s.refreshed) < idleShared {
		return
	}
	s.refreshed = now
	known, err := s.store.Endpoints(s.closing)
	if err != nil {
		s.storeFailed("read the health of endpoints", err)
		return
	}
	healths := map[string]ledger.Endpoint{}
	for _, h := range known {
		healths[h.Name] = h
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range healths {
		s.lane(name)
	}
	for name, l := range s.lanes {
		h := healths[name] // the zero value is a good one
		h.Name = name
		l.health = h
	}
}

// untargeted returns the outcome of a delivery that has no target in this process's configuration.
func (s *Sender) untargeted(d ledger.Delivery, why error) outcome {
	if s.young(d) {
		return outcome{reason: clean(why.Error()), interrupted: true, postponed: true}
	}
	return outcome{reason: clean(why.Error()), removed: true}
}

// young reports whether another process may know the endpoint of a delivery.
func (s *Sender) young(d ledger.Delivery) bool {
	return !s.store.Alone() && s.store.Now().Sub(d.Created) < rollout
}
