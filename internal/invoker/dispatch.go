package invoker

import (
	"context"
	"errors"
	"time"
)

// storeRetry is how long to wait before the database is asked again that could
// not write (a full disk).
const storeRetry = time.Second

// dispatch starts what is due, until the invoker closes.
func (v *Invoker) dispatch() {
	for v.closing.Err() == nil {
		free := v.freeCalls()
		now := time.Now()
		taken, err := v.store.take(v.closing, now, now.Add(callTimeout), free)
		v.releaseCalls(free - len(taken))
		for _, r := range taken {
			v.work.Go(func() {
				defer v.releaseCalls(1)
				v.start(r)
			})
		}
		switch {
		case err != nil:
			v.storeFailed("dispatch", err)
			v.sleep(nil, now.Add(storeRetry))
		case len(taken) == 0 && free > 0:
			v.sleep(v.queued, v.nextDue(now))
		}
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

// nextDue returns when the queue is to be looked at again.
func (v *Invoker) nextDue(now time.Time) time.Time {
	due, found, err := v.store.nextDue(v.closing, now)
	switch {
	case err != nil:
		v.storeFailed("look at the queue", err)
		return now.Add(storeRetry)
	case !found:
		return now.Add(callTimeout) // when a lease that nobody gave back has ended
	}
	return due
}

// wakeDispatcher says that there may be something new in the queue.
func (v *Invoker) wakeDispatcher() {
	select {
	case v.queued <- struct{}{}:
	default:
	}
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

// storeFailed logs an error of the database, unless closing has caused it.
func (v *Invoker) storeFailed(what string, err error, args ...any) {
	if v.closing.Err() == nil || !errors.Is(err, context.Canceled) {
		v.logger.Error("database: "+what, append(args, "error", err)...)
	}
}
