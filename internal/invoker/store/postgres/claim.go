package postgres

import (
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// look is one look at the queue. It takes rows in a transaction.
type look struct {
	*Store
	tx   tx
	now  time.Time
	seen glance
	plan *ledger.Plan

	last   string // the last row that it has looked at
	passed bool   // it has passed over rows that another process had locked
	moved  []ledger.Record
	next   time.Time // when to look again; zero: not by time alone
}

// tell fills in the result.
func (l *look) tell(taken *store.Taken) {
	taken.Records, taken.Probing, taken.Holds = l.moved, l.plan.Probing, l.plan.Holds
	taken.Next = ledger.Sooner(l.plan.Next, l.next)
}

// take moves rows as far as slots and quotas allow.
func (l *look) take(t ledger.Take) ([]ledger.Record, error) {
	if err := l.lockBuckets(t); err != nil {
		return nil, err
	}
	for looked, most := 0, l.plan.Limit; l.plan.Limit > 0; most = lookAtOnce {
		near, err := l.near(most)
		if err != nil {
			return nil, err
		}
		if len(near) == 0 {
			break
		}
		if err := l.takeOf(near, looked == 0); err != nil {
			return nil, err
		}
		if looked += len(near); looked >= maxLook {
			l.next = l.now
			break
		}
	}
	if l.plan.Limit > 0 && len(l.moved) == 0 && l.next.IsZero() {
		if err := l.comeBack(); err != nil {
			return nil, err
		}
	}
	return l.moved, saveBuckets(l.tx, slices.Values(l.plan.Spent()))
}

// lockBuckets locks the buckets that bound the ready jobs, and plans with them. A bucket that
// bounds nothing needs no lock.
func (l *look) lockBuckets(t ledger.Take) error {
	var names []string
	if t.Quota > 0 {
		names = append(names, t.Runs)
	}
	rates := map[string]ledger.Quota{}
	for _, job := range l.seen.jobs {
		if rate := t.Rates[job]; rate > 0 {
			rates[job] = rate
			names = append(names, ledger.RateBucket(job))
		}
	}
	locked, err := lockBuckets(l.tx, names)
	if err != nil {
		return err
	}
	buckets := byName(l.seen.buckets)
	maps.Copy(buckets, locked)
	t.Rates = rates
	l.plan = ledger.PlanTake(t, buckets)
	return nil
}

// candidate is a row that may be taken, as it is seen without a lock.
type candidate struct {
	id, slot string
	limit    int
}

func (c candidate) bounded() bool { return c.slot != "" && c.limit > 0 }

// nearest selects the first $4 rows behind the row $3 that are due at the time $2, of each of the jobs $1
// in its index.
const nearest = `SELECT id, slot, slot_limit FROM unnest($1::text[]) AS ready (ready_job) CROSS JOIN LATERAL (
		SELECT id, slot, slot_limit FROM invocations WHERE ` + isReady + ` AND job = ready_job AND not_before <= $2 AND id > $3 ORDER BY id LIMIT $4
	) AS row ORDER BY id LIMIT $4`

// jobs returns the ready jobs that are not blocked.
func (l *look) jobs() []string {
	return slices.DeleteFunc(slices.Clone(l.seen.jobs), func(job string) bool { return slices.Contains(l.plan.BlockedJobs, job) })
}

// near returns the oldest rows that are due, of jobs that are not blocked, behind the last one.
func (l *look) near(most int) ([]candidate, error) {
	return all(l.tx, func(row pgx.Row) (c candidate, err error) {
		err = row.Scan(&c.id, &c.slot, &c.limit)
		return c, err
	}, nearest, l.jobs(), stamp(l.now), l.last, most)
}

// takeOf locks candidates and the slots that they need, and moves those that the ledger chooses. It
// parks those that lack a slot. Only the first time it may wait for a slot: later it has locked rows.
func (l *look) takeOf(near []candidate, first bool) error {
	size := len(near)
	l.last = near[size-1].id
	free, bounded, err := l.lockSlots(near, first)
	if err != nil {
		return err
	}
	var most *int // rows that lack a slot do not count
	if !bounded {
		most = &l.plan.Limit
	}
	due, held, err := l.lockRows(free, most)
	if err != nil {
		return err
	}
	if most != nil && len(due) == *most {
		l.last = due[len(due)-1].ID
	} else if len(due) < size {
		l.passed = true
	}
	moves, full := l.plan.Choose(due, held)
	moved, err := l.moveAll(l.tx, moves)
	if err != nil {
		return err
	}
	l.moved = append(l.moved, moved...)
	return park(l.tx, full, l.now)
}

// lockSlots locks the slots that candidates need. It returns the candidates without a slot, and
// those whose slot is locked. It waits for the first slot at most, so that the oldest row has its
// turn, and nobody waits for a slot whose holder waits for another one.
func (l *look) lockSlots(near []candidate, wait bool) (free []candidate, bounded bool, err error) {
	var slots []string
	for _, c := range near {
		if c.bounded() && !slices.Contains(slots, c.slot) {
			slots = append(slots, c.slot)
		}
	}
	if len(slots) == 0 {
		return near, false, nil
	}
	var locked []string
	if wait {
		locked, slots = slots[:1:1], slots[1:]
		if err := l.tx.lockKeys(locked); err != nil {
			return nil, true, err
		}
	}
	others, err := l.tx.tryKeys(slots)
	locked = append(locked, others...)
	return slices.DeleteFunc(near, func(c candidate) bool { return c.bounded() && !slices.Contains(locked, c.slot) }), true, err
}

// claim selects those of the rows $1 that are still ready. IS TRUE keeps PostgreSQL from an index with
// all ready rows.
const claim = selectRecord + ` WHERE id = ANY($1) AND (` + isReady + `) IS TRUE AND not_before <= $2 ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED`

// lockRows locks those candidates that are still ready, at most a number of them, and counts how
// many slots of their keys are taken. It passes over rows that another process has locked.
func (l *look) lockRows(free []candidate, most *int) (due []ledger.Record, held map[string]int, err error) {
	var ids, keys []string
	for _, c := range free {
		ids = append(ids, c.id)
		if c.bounded() {
			keys = append(keys, c.slot)
		}
	}
	var b batch
	b.records(&due, claim, ids, stamp(l.now), most)
	if held = map[string]int{}; len(keys) > 0 {
		b.countEach(held, keys)
	}
	return due, held, b.run(l.tx)
}

// comeBack notes when to look again after a look that took nothing. For a blocked job, the time of
// its bucket counts.
func (l *look) comeBack() error {
	if l.passed {
		l.next = l.now.Add(lookAgain)
		return nil
	}
	var due time.Time
	err := l.tx.row(`SELECT coalesce(min(not_before), 'epoch') FROM invocations WHERE `+isReady+` AND job = ANY($1) AND not_before > $2`,
		l.jobs(), stamp(l.now)).Scan((*moment)(&due))
	l.next = ledger.Sooner(l.seen.wakes, due)
	return err
}
