package invoker

import (
	"context"
	"time"

	"github.com/runwith/runwith/internal/invoker/store"
)

// tickMost bounds how long a tick works.
const tickMost = time.Minute

// Outstanding is how many invocations have not ended, by state. A state without any is
// not there.
type Outstanding = store.Outstanding

// Tick does what is due now: it looks at the executions of every job, starts what is
// due, sends cancels, and estimates what ended ones have used. It returns what is left when that is done and no call is out,
// after a minute, or when ctx ends. The invoker also does all of it by itself if it has a
// processor between requests. Cloud Run gives a service none unless it is paid for, and
// then somebody ticks now and then.
//
// Quotas, pauses after a refusal and settling delays apply to a tick too: it leaves for a
// later one what they hold back.
func (v *Invoker) Tick(ctx context.Context) (Outstanding, error) {
	working, cancel := context.WithTimeout(ctx, tickMost)
	defer cancel()
	defer context.AfterFunc(v.closing, cancel)()
	select {
	case <-v.Rebuilt():
		v.leases.AskAgain()
		v.watching.discover()
		v.next.watch.lookNow(working)
		for _, part := range []*loop{v.next.check, v.next.dispatch, v.next.cancel, v.next.price} {
			part.finish(working)
		}
		v.dispatching.calls.wait(working)
	case <-working.Done():
	}
	if v.closing.Err() != nil {
		return nil, stopping()
	}
	return v.store.Outstanding(context.WithoutCancel(ctx))
}
