package store

import (
	"context"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// Outbox is the part of a store that keeps deliveries. Every method of a [Store] that makes a
// move inserts the deliveries of the move ([ledger.Deliveries]) in the same transaction. So
// a crash loses no event, and every event has happened.
type Outbox interface {
	// DueDeliveries leases pending deliveries that are due, oldest first, and returns when the
	// next one is. It takes turns between lanes ([ledger.Delivery.Lane]): at most perLane
	// deliveries of one lane have a lease at the same time, those of earlier calls included. It
	// passes over lanes that are disabled.
	DueDeliveries(ctx context.Context, now time.Time, lease time.Duration, perLane, limit int) (_ []ledger.Delivery, next time.Time, err error)
	// SettleDeliveries saves the results of attempts: State, Attempts, NextAttempt, Ended,
	// LastStatus and LastError. The deliveries are those that DueDeliveries returned, with
	// their Lease. It skips a delivery that was leased again since, and ends the others' lease.
	SettleDeliveries(ctx context.Context, deliveries []ledger.Delivery) error
	// Deliveries returns deliveries, newest first.
	Deliveries(ctx context.Context, q DeliveryQuery) ([]ledger.Delivery, error)
	// Delivery returns one, or NOT_FOUND.
	Delivery(ctx context.Context, id string) (ledger.Delivery, error)
	// Replay makes deliveries pending and due again, as if they were new, and returns their
	// number. It skips unknown ones, and those with an attempt under way.
	Replay(ctx context.Context, ids []string, now time.Time) (int, error)
	// Endpoints returns the lanes that have pending deliveries or a saved health, by name.
	Endpoints(ctx context.Context) ([]ledger.Endpoint, error)
	// Added returns a channel that receives after deliveries were added, once for any number.
	// A store that several processes share need not see those of others, so ask it for due
	// deliveries every second. All callers get the same channel.
	Added() <-chan struct{}
	// SaveEndpoint saves the health of a lane. A lane that neither fails nor is disabled is
	// forgotten. One that is disabled stays so: only EnableEndpoint enables it.
	SaveEndpoint(ctx context.Context, e ledger.Endpoint) error
	// EnableEndpoint forgets that a lane was disabled or has failed.
	EnableEndpoint(ctx context.Context, name string) error
}

// DeliveryQuery selects deliveries. Empty fields match any.
type DeliveryQuery struct {
	Invocation string
	Endpoint   string
	Lane       string // [ledger.Delivery.Lane]
	State      ledger.DeliveryState
	Before     string // only deliveries older than the one with this ID
	Limit      int
}
