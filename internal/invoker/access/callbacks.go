package access

import (
	"context"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/api"
	"github.com/runwith/runwith/internal/invoker/callback"
	"github.com/runwith/runwith/internal/invoker/policy"
)

// Callbacks are the callbacks for operators only. Their payloads name the invocations of every
// job, so each method needs the verb operate on every job.
type Callbacks struct {
	access *Access
	next   api.Callbacks
}

var _ api.Callbacks = (*Callbacks)(nil)

// NewCallbacks returns callbacks in front of next. The function returns the policy of the
// moment.
func NewCallbacks(next api.Callbacks, current func() *policy.Policy) *Callbacks {
	return &Callbacks{New(nil, current), next}
}

// Deliveries implements [api.Callbacks].
func (c *Callbacks) Deliveries(ctx context.Context, f callback.Filter) (page []runwith.Delivery, next string, err error) {
	if err := c.access.Operates(ctx); err != nil {
		return nil, "", err
	}
	return c.next.Deliveries(ctx, f)
}

// Delivery implements [api.Callbacks].
func (c *Callbacks) Delivery(ctx context.Context, id string) (runwith.Delivery, error) {
	if err := c.access.Operates(ctx); err != nil {
		return runwith.Delivery{}, err
	}
	return c.next.Delivery(ctx, id)
}

// Replay implements [api.Callbacks].
func (c *Callbacks) Replay(ctx context.Context, id string) (runwith.Delivery, error) {
	if err := c.access.Operates(ctx); err != nil {
		return runwith.Delivery{}, err
	}
	return c.next.Replay(ctx, id)
}

// ReplayFailed implements [api.Callbacks].
func (c *Callbacks) ReplayFailed(ctx context.Context, endpoint string) (int, error) {
	if err := c.access.Operates(ctx); err != nil {
		return 0, err
	}
	return c.next.ReplayFailed(ctx, endpoint)
}

// Endpoints implements [api.Callbacks].
func (c *Callbacks) Endpoints(ctx context.Context) ([]runwith.Endpoint, error) {
	if err := c.access.Operates(ctx); err != nil {
		return nil, err
	}
	return c.next.Endpoints(ctx)
}

// EnableEndpoint implements [api.Callbacks].
func (c *Callbacks) EnableEndpoint(ctx context.Context, name string) (runwith.Endpoint, error) {
	if err := c.access.Operates(ctx); err != nil {
		return runwith.Endpoint{}, err
	}
	return c.next.EnableEndpoint(ctx, name)
}
