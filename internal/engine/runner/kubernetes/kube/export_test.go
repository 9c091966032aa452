package kube

import (
	"context"
	"time"

	"github.com/runwith/runwith/internal/backoff"
)

// WatchPodsImpatiently is WatchPods that waits a millisecond between tries, and gives up a
// watch without a line after silence.
func (c *Client) WatchPodsImpatiently(ctx context.Context, silence time.Duration, on func(PodEvent)) {
	r := &reflector{client: c, on: on, silence: silence, known: map[string]seen{},
		retry: backoff.Backoff{Min: time.Millisecond, Max: time.Millisecond}}
	r.run(ctx)
}
