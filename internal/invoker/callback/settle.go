package callback

import (
	"context"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// settleAtOnce is how many results are written in one transaction.
const settleAtOnce = 256

// settle writes results to the store, until the channel is closed.
func (s *Sender) settle() {
	for first := range s.results {
		batch := s.collect(first)
		settled := make([]ledger.Delivery, len(batch))
		for i, r := range batch {
			settled[i] = r.outcome.after(r.delivery, ledger.Stored(r.ended))
		}
		s.write("write the results of deliveries", func(ctx context.Context) error { return s.store.SettleDeliveries(ctx, settled) })
		for i, r := range batch {
			s.report(r, settled[i])
		}
		s.saveHealth(batch)
		if s.settled(batch) {
			s.Ring()
		}
	}
}

// collect adds the results that are waiting to the first one.
func (s *Sender) collect(first result) []result {
	batch := []result{first}
	for len(batch) < settleAtOnce {
		select {
		case r, ok := <-s.results:
			if !ok {
				return batch
			}
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

// write repeats a write until it succeeds. A closing sender tries once: when the leases end,
// the deliveries of a failed write are due again.
func (s *Sender) write(what string, do func(context.Context) error) {
	for {
		err := do(context.Background())
		if err == nil {
			return
		}
		closing := s.closing.Err() != nil
		s.storeFailed(what, err)
		if closing {
			return
		}
	}
}

// settled counts results down, and reports whether the store should be asked for more.
func (s *Sender) settled(batch []result) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsettled -= len(batch)
	for _, r := range batch {
		s.lane(r.delivery.Lane()).taken--
	}
	for _, l := range s.lanes {
		if l.low() {
			return true
		}
	}
	return s.unsettled == 0
}

// report logs a delivery that ended without success.
func (s *Sender) report(r result, d ledger.Delivery) {
	s.counters.attempted(d.Lane(), r.outcome)
	if d.State != ledger.DeliveryFailed {
		return
	}
	s.counters.givenUp.Inc(s.counters.names.Label(d.Lane()))
	s.logger.Warn("callback given up; `runwith callbacks replay` sends it again",
		"delivery", d.ID, "invocation", d.Invocation, "endpoint", d.Lane(), "attempts", d.Attempts, "reason", r.outcome.reason)
}

// saveHealth writes the health of the endpoints whose health the batch has changed. One that another
// process has disabled stays disabled, and refresh takes that over.
func (s *Sender) saveHealth(batch []result) {
	for _, health := range s.updateHealth(batch) {
		s.write("write the health of an endpoint", func(ctx context.Context) error { return s.store.SaveEndpoint(ctx, health) })
	}
}

// updateHealth applies a batch to the lanes, and returns the health of those that it changed.
func (s *Sender) updateHealth(batch []result) (changes []ledger.Endpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := map[string]ledger.Endpoint{}
	for _, r := range batch {
		if r.outcome.interrupted || r.outcome.removed {
			continue
		}
		l := s.lane(r.delivery.Lane())
		if _, ok := before[l.health.Name]; !ok {
			before[l.health.Name] = l.health
		}
		l.health = healthAfter(l.health, r.delivery, r.outcome, ledger.Stored(r.ended))
	}
	for name, old := range before {
		if health := s.lane(name).health; changed(old, health) {
			changes = append(changes, health)
			s.reportHealth(s.lane(name), old)
		}
	}
	return changes
}

// tellEvery is the least time between two log lines about an endpoint that fails sometimes.
const tellEvery = time.Minute

// reportHealth logs that the health of a lane has changed. s.mu is held.
func (s *Sender) reportHealth(l *lane, before ledger.Endpoint) {
	now, after := s.store.Now(), l.health
	disabled := !after.DisabledAt.IsZero()
	if !disabled && now.Sub(l.told) < tellEvery {
		return
	}
	l.told = now
	switch {
	case disabled:
		s.logger.Error("endpoint disabled: its deliveries wait until `runwith callbacks enable`", "endpoint", after.Name, "reason", after.Reason)
	case before.FailingSince.IsZero():
		s.logger.Warn("endpoint fails", "endpoint", after.Name, "reason", after.Reason)
	case after.FailingSince.IsZero():
		s.logger.Info("endpoint works again", "endpoint", after.Name, "failingSince", before.FailingSince.Format(time.RFC3339))
	}
}
