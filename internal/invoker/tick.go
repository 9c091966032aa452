package invoker

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/runwith/runwith"
)

const (
	// tickMost bounds how long a tick works, and tickLook is how often it looks
	// whether all is done.
	tickMost = time.Minute
	tickLook = 10 * time.Millisecond
)

// Outstanding says how many invocations have not ended, by state. A state that
// none is in is not there.
type Outstanding map[runwith.State]int

// waiting is how many wait to be started or to be found.
func (o Outstanding) waiting() int {
	return o[runwith.StateAccepted] + o[runwith.StateQueued] + o[runwith.StateStarting]
}

// Tick does what there is to do now: it looks at the executions of every job, starts
// what is due and has cancelled what is to be. It returns what is left when that is
// done and no call is under way, after a minute, or when ctx ends. The invoker does
// all of it by itself, too, where it has a processor between requests; Cloud Run gives
// a service none unless it is paid for, and then somebody ticks now and then.
//
// Quotas, pauses after a refusal and settling delays hold for a tick as they do
// without: what they keep back is left for one that comes later.
func (v *Invoker) Tick(ctx context.Context) (Outstanding, error) {
	working, cancel := context.WithTimeout(ctx, tickMost)
	defer cancel()
	select {
	case <-v.rebuilt:
		v.lookNow(working)
		v.workNow(working)
	case <-working.Done():
	case <-v.closing.Done():
	}
	if v.closing.Err() != nil {
		return nil, stopping()
	}
	return v.store.Outstanding(context.WithoutCancel(ctx))
}

// lookNow has every job looked at, as soon as its reads allow.
func (v *Invoker) lookNow(ctx context.Context) {
	now := time.Now()
	v.watched.hurry()
	v.await(ctx, func() bool { return v.watched.looked(now) })
}

// workNow has every loop come to the end of its work.
func (v *Invoker) workNow(ctx context.Context) {
	tick := v.ticks.asked.Add(1)
	for _, loop := range []chan struct{}{v.queued, v.unchecked, v.cancelling} {
		wake(loop)
	}
	v.await(ctx, func() bool { return v.ticks.reached(tick) && len(v.calls) == 0 })
}

// ticks says up to which of them each loop has come to the end of its work. The zero
// value has none.
type ticks struct{ asked, dispatched, checked, cancelled atomic.Int64 }

// reached reports whether all have, in rounds that began after the tick.
func (t *ticks) reached(tick int64) bool {
	return min(t.dispatched.Load(), t.checked.Load(), t.cancelled.Load()) >= tick
}

// await returns when all is done, or has to be left.
func (v *Invoker) await(ctx context.Context, done func() bool) {
	look := time.NewTicker(tickLook)
	defer look.Stop()
	for !done() {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		case <-v.closing.Done():
			return
		}
	}
}
