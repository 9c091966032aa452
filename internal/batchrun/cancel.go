package batchrun

import (
	"context"
	"sync"
	"sync/atomic"
)

// cancelsAtOnce is how many invocations are cancelled at the same time.
const cancelsAtOnce = 8

// Cancel cancels the invocations that have not ended, and notes how many. Those of a run with
// Detach continue. Give ctx a deadline.
func (r *Run) Cancel(ctx context.Context) {
	ids := make(chan string, len(r.open))
	for id := range r.open {
		ids <- id
	}
	close(ids)
	var (
		work      sync.WaitGroup
		cancelled atomic.Int64
	)
	for range cancelsAtOnce {
		work.Go(func() {
			for id := range ids {
				if _, err := r.config.Client.Cancel(ctx, id); err == nil {
					cancelled.Add(1)
				}
			}
		})
	}
	work.Wait()
	r.note("cancelled %d of %d invocations that had not ended; %s had been sent", cancelled.Load(), len(r.open), countLines(r.tally.accepted()))
}
