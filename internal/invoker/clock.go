package invoker

import "time"

// There are two clocks. The store's tells the times in rows, and all processes of the store agree
// on it. The machine's measures durations within this process. Their times are never compared:
// what the parts hand over from one clock to the other are durations. The linter finds uses of
// package time that bypass these functions.

// now returns the time by the store's clock.
func (b *base) now() time.Time { return b.config.now() }

// until returns how long it takes until a time of the store, which may have passed.
func (b *base) until(t time.Time) time.Duration { return t.Sub(b.now()) }

// machineNow returns the time by the machine's clock, with the monotonic clock.
func machineNow() time.Time { return time.Now() }

// elapsed returns how long ago a time of [machineNow] was.
func elapsed(since time.Time) time.Duration { return time.Since(since) }

// overslept returns how long ago a time of [machineNow] was at most. The monotonic clock stands
// still while the machine sleeps, so the wall clock counts if it shows more.
func overslept(since time.Time) time.Duration {
	return max(elapsed(since), machineNow().Round(0).Sub(since.Round(0)))
}

// remaining returns how long it takes until a time of [machineNow], which may have passed.
func remaining(until time.Time) time.Duration { return time.Until(until) }
