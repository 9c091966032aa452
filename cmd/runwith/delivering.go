package main

import (
	"context"
	"time"

	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/callback"
	"github.com/runwith/runwith/internal/invoker/schedule"
)

// delivering is an invoker whose tick also starts the slots of schedules and delivers the events
// that are due.
type delivering struct {
	*invoker.Invoker
	sender    *callback.Sender
	schedules *schedule.Schedules
}

// slotsWithin and deliverWithin limit the time for slots and deliveries in one tick. The next
// tick handles the others.
const (
	slotsWithin   = 20 * time.Second
	deliverWithin = 25 * time.Second
)

// Tick implements [api.Upkeep].
func (d *delivering) Tick(ctx context.Context) (invoker.Outstanding, error) {
	starting, cancel := context.WithTimeout(ctx, slotsWithin)
	d.schedules.Start(starting)
	cancel()
	left, err := d.Invoker.Tick(ctx)
	ctx, cancel = context.WithTimeout(ctx, deliverWithin)
	defer cancel()
	d.sender.Deliver(ctx)
	return left, err
}
