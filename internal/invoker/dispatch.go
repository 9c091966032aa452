package invoker

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// storeRetry is how long to wait before the database is asked again that could
	// not write (a full disk).
	storeRetry = time.Second
	// idle is how long a loop sleeps that nothing is known to come for.
	idle = time.Minute
	// runsBucket is the bucket of the calls that start jobs.
	runsBucket = "runs"
)

// dispatch starts what is due, until the invoker closes.
func (v *Invoker) dispatch() {
	for b := (burst{}); v.closing.Err() == nil; {
		tick := v.ticks.asked.Load()
		v.giveWay(&b)
		free := v.freeCalls()
		now := time.Now()
		taken, err := v.store.Take(v.closing, v.nextTake(now, free))
		v.releaseCalls(free - len(taken.Records))
		var calls sync.WaitGroup
		for _, r := range taken.Records {
			calls.Add(1)
			v.work.Go(func() {
				defer calls.Done()
				defer v.releaseCalls(1)
				v.start(r, taken.Probing)
			})
		}
		if taken.Probing {
			calls.Wait() // whether Cloud Run takes calls again is known then
		}
		switch {
		case err != nil:
			v.storeFailed("dispatch", err)
			v.ticks.dispatched.Store(tick)
			v.sleep(nil, now.Add(storeRetry))
		case len(taken.Records) == 0 && free > 0:
			if !taken.Next.IsZero() {
				v.opens.Store(micros(taken.Next))
			}
			v.ticks.dispatched.Store(tick)
			v.sleep(v.queued, orIdle(taken.Next, now))
		}
	}
}

func (v *Invoker) nextTake(now time.Time, free int) Take {
	return Take{
		Now: stored(now), Deadline: stored(now.Add(v.config.CallTimeout)), Limit: free,
		Runs: runsBucket, Quota: v.config.Limits.Runs, Rates: v.config.Limits.Rates, Slots: v.slots,
	}
}

// freeCalls waits until a job may be started and returns how many may. They are
// the caller's until it releases them. It returns 0 when the invoker closes.
func (v *Invoker) freeCalls() int {
	select {
	case v.calls <- struct{}{}:
	case <-v.closing.Done():
		return 0
	}
	for n := 1; ; n++ {
		select {
		case v.calls <- struct{}{}:
		default:
			return n
		}
	}
}

func (v *Invoker) releaseCalls(n int) {
	for range n {
		<-v.calls
	}
}

// wake says that there may be something new for the loop that sleeps.
func wake(loop chan struct{}) {
	select {
	case loop <- struct{}{}:
	default:
	}
}

// orIdle is when a loop looks again.
func orIdle(next, now time.Time) time.Time {
	if next.IsZero() || next.After(now.Add(idle)) {
		return now.Add(idle)
	}
	return next
}

// sleep returns at the given time, when something comes from wake, or when the
// invoker closes.
func (v *Invoker) sleep(wake <-chan struct{}, until time.Time) {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-v.closing.Done():
	}
}

// storeFailed logs an error of the database, unless closing has caused it or
// another transition was faster.
func (v *Invoker) storeFailed(what string, err error, args ...any) {
	if errors.Is(err, ErrStale) || v.closing.Err() != nil && errors.Is(err, context.Canceled) {
		return
	}
	v.logger.Error("database: "+what, append(args, "error", err)...)
}
