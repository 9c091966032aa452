package doctor

import (
	"context"

	"github.com/runwith/runwith/internal/invoker/callback"
)

// callbacks reports whether each endpoint can be reached, without sending it anything.
func (e *examination) callbacks(ctx context.Context) {
	for _, c := range e.File.Callbacks {
		ctx, cancel := context.WithTimeout(ctx, checkTimeout)
		err := callback.Reach(ctx, c.URL, e.Allowed)
		cancel()
		if err != nil {
			e.problem("callback", c.Endpoint(), "cannot be reached: %v", err)
			continue
		}
		e.ok("callback", c.Endpoint(), "can be reached")
	}
}
