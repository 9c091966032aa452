package sqlite

import (
	"context"
	"slices"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/sqlite"
)

// isReady is isDispatchable for rows that are neither parked nor asleep.
const isReady = isDispatchable + ` AND parked = 0 AND asleep = 0`

const (
	// lookAtOnce is how many rows are looked at together, once the first ones were not enough.
	lookAtOnce = 256
	// maxLook bounds how many rows one transaction looks at. A row that it cannot take is
	// parked, or its job is passed over, so it does not meet that row again.
	maxLook = 500
)

// Take implements [store.Store]. One transaction looks at slots and tokens, takes them,
// and moves the rows to starting. It parks the rows whose slots are taken.
func (s *Store) Take(ctx context.Context, t ledger.Take) (taken store.Taken, err error) {
	_, err = s.write(ctx, "take from the queue", func(tx *sqlite.Tx) (changed []ledger.Record, err error) {
		taken = store.Taken{}
		l := look{Store: s, tx: tx, now: t.Now}
		if err := wake(tx, t.Now); err != nil {
			return nil, err
		}
		changed, more, err := l.reserve(t, &taken)
		if err != nil {
			return nil, err
		}
		if l.plan, err = plan(tx, t); err != nil {
			return nil, err
		}
		taken.Probing, taken.Holds = l.plan.Probing, l.plan.Holds
		next := l.plan.Next
		if l.plan.Limit > 0 {
			var due time.Time
			if taken.Records, due, err = l.take(); err != nil {
				return nil, err
			}
			next = ledger.Sooner(next, due)
		}
		if taken.Next = next; more {
			taken.Next = t.Now
		}
		return append(changed, taken.Records...), saveBuckets(tx, l.plan.Spent())
	})
	return taken, err
}

// plan loads the buckets that decide how much may be taken.
func plan(tx *sqlite.Tx, t ledger.Take) (*ledger.Plan, error) {
	buckets := map[string]ledger.Bucket{}
	for _, name := range t.Buckets() {
		b, err := loadBucket(tx, name)
		if err != nil {
			return nil, err
		}
		buckets[name] = b
	}
	return ledger.PlanTake(t, buckets), nil
}

// look is one look at the queue.
type look struct {
	*Store
	tx   *sqlite.Tx
	now  time.Time
	plan *ledger.Plan
	jobs []string // with ready rows
}

// take moves rows as far as the plan allows. If it takes none, it returns when to look again;
// zero: not by time alone.
func (l *look) take() (moved []ledger.Record, next time.Time, err error) {
	if l.jobs, err = readyJobs(l.tx); err != nil {
		return nil, next, err
	}
	for looked, most := 0, l.plan.Limit; l.plan.Limit > 0; most = lookAtOnce {
		due, err := l.ready(most)
		if err != nil {
			return nil, next, err
		}
		if len(due) == 0 {
			break
		}
		some, err := l.choose(due)
		if err != nil {
			return nil, next, err
		}
		moved = append(moved, some...)
		if looked += len(due); looked >= maxLook {
			return moved, l.now, nil
		}
	}
	if len(moved) == 0 {
		next, err = l.next()
	}
	return moved, next, err
}

// choose moves the rows that the ledger chooses, and parks those that lack a slot.
func (l *look) choose(due []ledger.Record) ([]ledger.Record, error) {
	held, err := heldBy(l.tx, due)
	if err != nil {
		return nil, err
	}
	moves, full := l.plan.Choose(due, held)
	moved, err := l.moveAll(l.tx, moves)
	if err != nil {
		return nil, err
	}
	return moved, park(l.tx, full, l.now)
}

// readyJobs returns the jobs that have ready rows. It skips from job to job in the index.
func readyJobs(tx *sqlite.Tx) ([]string, error) {
	return texts(tx, `WITH RECURSIVE ready(job) AS (
			SELECT min(job) FROM invocations INDEXED BY invocations_ready WHERE `+isReady+`
			UNION ALL
			SELECT (SELECT min(job) FROM invocations INDEXED BY invocations_ready WHERE `+isReady+` AND job > ready.job)
			FROM ready WHERE ready.job IS NOT NULL
		) SELECT job FROM ready WHERE job IS NOT NULL`)
}

// readyOf selects the oldest rows of a job that are due.
const readyOf = `SELECT id FROM invocations INDEXED BY invocations_ready WHERE ` + isReady + ` AND job = ? AND not_before <= ? ORDER BY id LIMIT ?`

// ready returns the oldest rows that are due, of jobs that are not blocked. Most jobs have a row that
// is not among them, so it compares IDs first.
func (l *look) ready(most int) (due []ledger.Record, err error) {
	var ids []string
	for _, job := range l.jobs {
		if slices.Contains(l.plan.BlockedJobs, job) {
			continue
		}
		some, err := texts(l.tx, readyOf, job, micros(l.now), most)
		if err != nil {
			return nil, err
		}
		ids = append(ids, some...)
	}
	slices.Sort(ids)
	for _, id := range ids[:min(len(ids), most)] {
		r, err := scan(l.tx.QueryRow(selectRecord+` WHERE id = ?`, id))
		if err != nil {
			return nil, err
		}
		due = append(due, r)
	}
	return due, nil
}

// next returns when a row will be due; zero: there is none. For a blocked job, the time of its
// bucket counts.
func (l *look) next() (next time.Time, err error) {
	if next, err = wakes(l.tx); err != nil {
		return next, err
	}
	for _, job := range l.jobs {
		if slices.Contains(l.plan.BlockedJobs, job) {
			continue
		}
		at, err := earliest(l.tx, `SELECT min(not_before) FROM invocations INDEXED BY invocations_ready
			WHERE `+isReady+` AND job = ? AND not_before > ?`, l.now, job)
		if err != nil {
			return next, err
		}
		next = ledger.Sooner(next, at)
	}
	return next, nil
}
