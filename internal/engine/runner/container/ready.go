package container

import (
	"context"

	"github.com/moby/moby/client"

	"github.com/runwith/runwith"
)

// Ready returns UNAVAILABLE if the daemon does not answer.
func (r *Runner) Ready(ctx context.Context) error {
	if _, err := r.daemon.Ping(ctx, client.PingOptions{}); err != nil {
		return &runwith.Error{Code: runwith.Unavailable, Message: "the container daemon at " + r.daemon.DaemonHost() + " does not answer", Err: err}
	}
	return nil
}
