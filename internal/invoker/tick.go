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

// Tick does the work that is due now: it looks at the executions of every job, starts invocations,
// sends cancels, and estimates the usage of ended invocations. It returns when that is done and no
// call is in flight, after a minute, or when ctx ends. The result counts the invocations that have
// not ended.
//
// An invoker that has a processor between requests does all of this by itself. Cloud Run gives a
// service a processor between requests only if somebody pays for it. Without one, something must
// call Tick now and then.
//
// Quotas, pauses after a refusal and settling delays apply to a tick too. A later tick does the
// work that they hold back.
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
