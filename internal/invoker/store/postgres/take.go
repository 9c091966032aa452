package postgres

import (
	"context"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// Take looks at the queue without locks first, because most looks find nothing to start. One
// transaction then locks candidates in the order of the package, reads them again, and moves them.
// It passes over rows that another process has locked, so processes do not wait for each other.

const (
	// lookAtOnce is how many rows are looked at together, once the first ones were not enough.
	lookAtOnce = 256
	// maxLook bounds how many rows one transaction looks at. A row that it cannot take is
	// parked, or its job is passed over, so it does not meet that row again.
	maxLook = 500
	// lookAgain is when rows are looked at again that another process had locked. It may have taken
	// only some of them.
	lookAgain = 20 * time.Millisecond
)

// glance is the queue as it is seen without locks.
type glance struct {
	buckets []ledger.Bucket
	wakes   time.Time // when the next sleeping row is due; zero: none sleeps
	woken   bool      // rows that waited for a budget may have room
	jobs    []string  // with ready rows
}

// Take implements [store.Store].
func (s *Store) Take(ctx context.Context, t ledger.Take) (taken store.Taken, err error) {
	seen, err := s.glance(ctx, t)
	if err == nil && !seen.wakes.IsZero() && !seen.wakes.After(t.Now) {
		if err = s.wake(ctx, t.Now); err == nil {
			seen, err = s.glance(ctx, t)
		}
	}
	if err != nil {
		return taken, err
	}
	more := false
	if seen.woken || t.Reconsider {
		if more, err = s.reconsider(ctx, t, &taken); err == nil {
			seen, err = s.glance(ctx, t)
		}
		if err != nil {
			return taken, err
		}
	}
	l := look{Store: s, now: t.Now, seen: seen, plan: ledger.PlanTake(t, byName(seen.buckets))}
	switch {
	case l.plan.Limit == 0:
	case len(seen.jobs) == 0:
		l.next = seen.wakes
	default:
		_, err = s.write(ctx, "take from the queue", func(tx tx) ([]ledger.Record, error) {
			l = look{Store: s, tx: tx, now: t.Now, seen: seen}
			return l.take(t)
		})
	}
	if err != nil {
		return taken, err
	}
	if l.tell(&taken); more {
		taken.Next = t.Now
	}
	return taken, nil
}

// glance looks at the queue.
func (s *Store) glance(ctx context.Context, t ledger.Take) (seen glance, err error) {
	err = s.ask(ctx, "look at the queue", func(tx tx) error {
		seen = glance{}
		var b batch
		b.wakes(&seen.wakes)
		b.row(&seen.woken, `SELECT EXISTS (SELECT 1 FROM invocations WHERE `+isWoken+`)`)
		b.texts(&seen.jobs, readyJobs)
		b.buckets(&seen.buckets, t.Buckets())
		return b.run(tx)
	})
	return seen, err
}

// readyJobs selects the jobs that have ready rows. It skips from job to job in the index.
const readyJobs = `WITH RECURSIVE ready(job) AS (
		SELECT min(job) FROM invocations WHERE ` + isReady + `
		UNION ALL
		SELECT (SELECT min(job) FROM invocations WHERE ` + isReady + ` AND job > ready.job)
		FROM ready WHERE ready.job IS NOT NULL
	) SELECT job FROM ready WHERE job IS NOT NULL`

// reconsider gives woken rows their month. It returns whether there are more of them.
func (s *Store) reconsider(ctx context.Context, t ledger.Take, taken *store.Taken) (more bool, err error) {
	_, err = s.write(ctx, "look at what waits for a budget", func(tx tx) (changed []ledger.Record, err error) {
		taken.Refused = nil
		changed, more, err = s.reserve(tx, t, taken)
		return changed, err
	})
	return more, err
}
