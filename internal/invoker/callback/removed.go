package callback

import (
	"fmt"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// hastenAtOnce is how many deliveries are looked at in one read.
const hastenAtOnce = 200

// hasten makes the pending deliveries due that no longer have a target, so that they end now
// and not at their next attempt.
func (s *Sender) hasten() {
	lanes, err := s.store.Endpoints(s.closing)
	if err != nil {
		s.storeFailed("look for deliveries without an endpoint", err)
		s.changed.Store(true)
		return
	}
	for _, endpoint := range s.Current().suspects(lanes) {
		if err := s.hastenEndpoint(endpoint); err != nil {
			s.storeFailed("end deliveries without an endpoint", err)
			s.changed.Store(true)
			return
		}
	}
}

// suspects returns the endpoints with pending deliveries that may have no target.
func (e *Endpoints) suspects(lanes []ledger.Endpoint) (endpoints []string) {
	requests := false
	for _, lane := range lanes {
		switch _, known := e.byName[lane.Name]; {
		case lane.Pending == 0 || known:
		case !reserved(lane.Name):
			endpoints = append(endpoints, lane.Name)
		case !requests:
			requests = true
			endpoints = append(endpoints, ledger.RequestEndpoint)
		}
	}
	return endpoints
}

// hastenEndpoint makes the pending deliveries of an endpoint due that have no target. The
// store passes over a disabled endpoint, so it is enabled first.
func (s *Sender) hastenEndpoint(endpoint string) error {
	enabled := false
	for page, err := range s.pages(s.closing, store.DeliveryQuery{Endpoint: endpoint, State: ledger.DeliveryPending, Limit: hastenAtOnce}) {
		if err != nil {
			return err
		}
		var ids []string
		for _, d := range page {
			if _, err := s.Current().target(d); err != nil && !s.young(d) {
				ids = append(ids, d.ID)
			}
		}
		if len(ids) == 0 {
			continue
		}
		if !enabled {
			if err := s.enable(s.closing, endpoint); err != nil {
				return err
			}
			enabled = true
		}
		if _, err := s.store.Replay(s.closing, ids, ledger.Stored(s.store.Now())); err != nil {
			return fmt.Errorf("make deliveries due: %w", err)
		}
	}
	return nil
}
