package store_test

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/changes"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/store/storetest"
)

// TestASecondStore shows that a store can be written from outside, against the interface
// and the ledger alone.
func TestASecondStore(t *testing.T) {
	t.Parallel()
	empty := func(*testing.T) store.Store {
		return &memory{
			rows: map[string]ledger.Record{}, twins: map[string]twin{}, buckets: map[string]ledger.Bucket{}, health: map[string]ledger.Endpoint{}, schedules: map[string]ledger.Schedule{},
		}
	}
	storetest.Run(t, empty)
	storetest.RunRecover(t, empty)
}

// memory is the smallest store: it loses everything, and one lock is its transaction.
type memory struct {
	changes.Feed[string]
	mu        sync.Mutex
	rows      map[string]ledger.Record
	twins     map[string]twin
	buckets   map[string]ledger.Bucket
	outbox    []ledger.Delivery // oldest first
	health    map[string]ledger.Endpoint
	schedules map[string]ledger.Schedule
	refused   refused
	usage     []ledger.Settlement
	now       time.Time // the latest that it was told: rows wake by then
}

type twin struct {
	store.Twin
	next time.Time // zero: never
}

func (m *memory) lock() func() {
	m.mu.Lock()
	return m.mu.Unlock
}

// where returns the rows that match, oldest first, at most limit; a negative limit is none.
func (m *memory) where(limit int, matches func(ledger.Record) bool) (found []ledger.Record) {
	for _, id := range slices.Sorted(maps.Keys(m.rows)) {
		if r := m.row(id); limit != len(found) && matches(r) {
			found = append(found, r)
		}
	}
	return found
}

func (m *memory) row(id string) ledger.Record {
	r := m.rows[id]
	for _, t := range m.twins {
		if t.Invocation == id {
			r.Twins++
		}
	}
	r.Parked = r.Bounded() && r.Dispatchable() && !r.Asleep(m.now) && m.held(r.Slot) >= r.SlotLimit
	return r
}

// held counts the slots of a concurrency key that are taken.
func (m *memory) held(slot string) (n int) {
	for _, r := range m.rows {
		if r.Slot == slot && r.Holds() {
			n++
		}
	}
	return n
}

func (m *memory) put(r ledger.Record) {
	r.Twins, r.Parked = 0, false
	m.rows[r.ID] = r
	m.Publish(r.ID)
}

func (m *memory) move(move ledger.Move) (ledger.Record, error) {
	if !move.Matches(m.rows[move.From.ID]) {
		return move.From, store.ErrStale
	}
	to := move.Made(time.Now())
	if to.Execution != "" && m.executes(to) {
		return move.From, store.ErrTaken
	}
	m.put(to)
	m.outbox = append(m.outbox, ledger.Deliveries(move, time.Now())...)
	return m.row(to.ID), nil
}

// executes reports whether another row has the record's execution.
func (m *memory) executes(r ledger.Record) bool {
	return len(m.where(-1, func(o ledger.Record) bool {
		return o.ID != r.ID && o.Execution == r.Execution && o.ExecutionUID == r.ExecutionUID && (o.ExecutionUID != "" || !o.Ended())
	})) > 0
}

// moveAll makes moves that cannot fail, because the lock was held since the rows were read.
func (m *memory) moveAll(moves []ledger.Move) (moved []ledger.Record, err error) {
	for _, move := range moves {
		to, err := m.move(move)
		if err != nil {
			return nil, err
		}
		moved = append(moved, to)
	}
	return moved, nil
}

func (m *memory) Accept(_ context.Context, r ledger.Record, a ledger.Admission) (store.Accepted, error) {
	defer m.lock()()
	return m.accept(r, a)
}

func (m *memory) AcceptEach(_ context.Context, newcomers []store.Newcomer) (results []store.AcceptedOrError, _ error) {
	defer m.lock()()
	for _, n := range newcomers {
		result := store.AcceptedOrError{}
		if result.Accepted, result.Err = m.accept(n.Record, n.Admission); result.Err != nil {
			result.Accepted = store.Accepted{}
		}
		results = append(results, result)
	}
	return results, nil
}

// accept accepts a newcomer. It writes nothing if it refuses it.
func (m *memory) accept(r ledger.Record, a ledger.Admission) (store.Accepted, error) {
	m.now = ledger.Later(m.now, a.Now)
	expired := ledger.Record{}
	if before, err := m.findKey(r.Owner, r.Key); err == nil && r.Key != "" {
		replayed, err := r.Repeats(before, a.Now)
		if replayed {
			m.settleEventOf(before, a.Now)
		}
		if replayed || err != nil {
			return store.Accepted{Record: before, Replayed: replayed}, err
		}
		before.Key = ""
		expired = before
	}
	buckets := map[string]ledger.Bucket{}
	for _, l := range a.Rates {
		buckets[l.Name] = m.bucket(l.Name)
	}
	spent, err := ledger.SpendRates(a.Rates, buckets, a.Now)
	if err != nil {
		return store.Accepted{}, err
	}
	sameSlot := func(o ledger.Record) bool { return o.Slot == r.Slot }
	waiting := m.where(a.MostWaiting(r), func(o ledger.Record) bool { return sameSlot(o) && o.Waiting() && !o.Asleep(m.now) })
	holding := m.where(-1, func(o ledger.Record) bool { return sameSlot(o) && o.Holds() })
	r, moves, err := ledger.Admit(r, a, waiting, holding)
	if err != nil {
		return store.Accepted{}, err
	}
	if r, err = m.admit(r, a, moves); err != nil {
		return store.Accepted{}, err
	}
	moved, err := m.moveAll(moves)
	if err != nil {
		return store.Accepted{}, err
	}
	m.spend(spent)
	if expired.ID != "" {
		m.put(expired)
	}
	m.put(r)
	m.settleEventOf(r, r.Created)
	accepted := store.Accepted{Record: m.row(r.ID)}
	for i, to := range moved {
		accepted.Moved = append(accepted.Moved, ledger.Move{From: moves[i].From, To: to})
	}
	return accepted, nil
}

func (m *memory) spend(buckets []ledger.Bucket) {
	for _, b := range buckets {
		m.buckets[b.Name] = b
	}
}

func (m *memory) Move(_ context.Context, move ledger.Move) (ledger.Record, error) {
	defer m.lock()()
	return m.move(move)
}

func (m *memory) MoveEach(_ context.Context, moves []ledger.Move) (moved []ledger.Record, err error) {
	defer m.lock()()
	for _, move := range moves {
		if to, err := m.move(move); err == nil {
			moved = append(moved, to)
		}
	}
	return moved, nil
}

func (m *memory) Explain(_ context.Context, id string, f runwith.Failure) error {
	defer m.lock()()
	if r := m.rows[id]; r.State == runwith.StateFailed {
		r.Error = &f
		r.Version++
		m.put(r)
		for i, d := range m.outbox {
			if d.Invocation == id {
				m.outbox[i] = d.Explained(r)
			}
		}
	}
	return nil
}

func (m *memory) Withdraw(_ context.Context, id string) (bool, error) {
	defer m.lock()()
	r, found := m.rows[id]
	if found = found && r.Withdrawable(); found {
		m.remove(id)
		m.unsettleEventOf(id)
	}
	return found, nil
}

// remove deletes a row, and all that belongs to it.
func (m *memory) remove(id string) {
	delete(m.rows, id)
	maps.DeleteFunc(m.twins, func(_ string, t twin) bool { return t.Invocation == id })
	m.outbox = slices.DeleteFunc(m.outbox, func(d ledger.Delivery) bool { return d.Invocation == id })
}

func (m *memory) Find(_ context.Context, id string) (ledger.Record, error) {
	defer m.lock()()
	if _, found := m.rows[id]; !found {
		return ledger.Record{}, store.NotFound(id)
	}
	return m.row(id), nil
}

func (m *memory) FindKey(_ context.Context, owner, key string) (ledger.Record, error) {
	defer m.lock()()
	return m.findKey(owner, key)
}

func (m *memory) findKey(owner, key string) (ledger.Record, error) {
	found := m.where(1, func(r ledger.Record) bool { return r.Owner == owner && r.Key == key })
	if len(found) == 0 {
		return ledger.Record{}, store.NotFound("invocation with this key")
	}
	return found[0], nil
}

func (m *memory) List(_ context.Context, q store.Query) ([]ledger.Record, error) {
	defer m.lock()()
	found := m.where(-1, func(r ledger.Record) bool {
		for name, value := range q.Labels {
			if got, labelled := r.Labels[name]; !labelled || got != value {
				return false
			}
		}
		v := q.Visible
		return (q.Job == "" || r.Job == q.Job) && (len(q.States) == 0 || slices.Contains(q.States, r.State)) && (q.Owner == "" || r.Owner == q.Owner) &&
			r.ID > q.After && (q.Before == "" || r.ID < q.Before) && (q.RerunOf == "" || r.RerunOf == q.RerunOf) &&
			(q.Source == "" || ledger.SourceIs(ledger.SourceName(r.Source), q.Source)) && (!q.Unfinished || !r.Ended()) &&
			(v == nil || v.Owner != "" && r.Owner == v.Owner || slices.Contains(v.Jobs, r.Job))
	})
	slices.Reverse(found)
	return found[:min(len(found), q.Limit)], nil
}

func (m *memory) Outstanding(context.Context) (store.Outstanding, error) {
	defer m.lock()()
	count := store.Outstanding{}
	for _, r := range m.rows {
		switch {
		case r.Asleep(m.now):
			count[store.Later]++
		case !r.Ended():
			count[r.State]++
		}
	}
	return count, nil
}

func (m *memory) OldestWaiting(context.Context) (oldest time.Time, err error) {
	defer m.lock()()
	for _, r := range m.rows {
		if r.Waiting() && !r.Asleep(m.now) {
			oldest = ledger.Sooner(oldest, r.Due())
		}
	}
	return oldest, nil
}

func (m *memory) Take(_ context.Context, t ledger.Take) (store.Taken, error) {
	defer m.lock()()
	m.now = ledger.Later(m.now, t.Now)
	refused, err := m.reserve(t)
	if err != nil {
		return store.Taken{}, err
	}
	buckets := map[string]ledger.Bucket{}
	for _, name := range t.Buckets() {
		buckets[name] = m.bucket(name)
	}
	plan := ledger.PlanTake(t, buckets)
	taken := store.Taken{Refused: refused, Next: plan.Next, Probing: plan.Probing, Holds: plan.Holds}
	for plan.Limit > 0 {
		due := m.where(plan.Limit, func(r ledger.Record) bool {
			return r.Dispatchable() && !r.Parked && !r.Asleep(m.now) && !r.NotBefore.After(t.Now) && !slices.Contains(plan.BlockedJobs, r.Job)
		})
		held := map[string]int{}
		for _, r := range due {
			held[r.Slot] = m.held(r.Slot)
		}
		moves, _ := plan.Choose(due, held)
		moved, err := m.moveAll(moves)
		if err != nil {
			return taken, err
		}
		if taken.Records = append(taken.Records, moved...); len(due) == 0 {
			break
		}
	}
	m.spend(plan.Spent())
	if len(taken.Records) == 0 && plan.Limit > 0 {
		for _, r := range m.where(-1, func(r ledger.Record) bool {
			return r.Dispatchable() && ledger.Later(r.NotBefore, r.StartAt).After(t.Now)
		}) {
			taken.Next = ledger.Sooner(taken.Next, ledger.Later(r.NotBefore, r.StartAt))
		}
	}
	return taken, nil
}

func (m *memory) Unchecked(_ context.Context, now time.Time, lease time.Duration, limit int) (leased []ledger.Record, next time.Time, err error) {
	defer m.lock()()
	due := func(r ledger.Record) time.Time { return ledger.Later(r.NotBefore, r.Lease) }
	var moves []ledger.Move
	for _, r := range m.where(-1, ledger.Record.Checkable) {
		switch {
		case due(r).After(now):
			next = ledger.Sooner(next, due(r))
		case len(moves) < limit:
			moves = append(moves, ledger.Move{From: r, To: r.Leased(now.Add(lease))})
		}
	}
	leased, err = m.moveAll(moves)
	return leased, next, err
}

func (m *memory) Recover(_ context.Context, from time.Time, settle time.Duration) (asOf time.Time, err error) {
	defer m.lock()()
	all := m.where(-1, func(ledger.Record) bool { return true })
	for _, r := range all {
		asOf = ledger.Later(asOf, r.LastEvent())
	}
	for i := range m.outbox {
		m.outbox[i].Lease = time.Time{}
	}
	_, err = m.moveAll(ledger.Recover(all, from, settle))
	return asOf, err
}

func (m *memory) WatchedJobs(context.Context) ([]string, error) {
	defer m.lock()()
	var jobs []string
	for _, r := range m.where(-1, ledger.Record.Watched) {
		jobs = append(jobs, r.Target)
	}
	slices.Sort(jobs)
	return slices.Compact(jobs), nil
}

func (m *memory) Watched(_ context.Context, target string) ([]ledger.Record, error) {
	defer m.lock()()
	return m.where(-1, func(r ledger.Record) bool { return r.Target == target && r.Watched() }), nil
}

func (m *memory) Lapse(_ context.Context, now time.Time, settle time.Duration) ([]ledger.Record, error) {
	defer m.lock()()
	lapsed, err := m.moveAll(ledger.Lapse(m.where(-1, ledger.Record.Calling), now, settle))
	for _, r := range m.where(-1, func(r ledger.Record) bool { return r.WatchedOut(now) }) {
		r.WatchUntil = time.Time{}
		r.Version++
		m.put(r)
	}
	return lapsed, err
}

func (m *memory) Cancels(_ context.Context, now time.Time, limit int) (due []ledger.Record, next time.Time, err error) {
	defer m.lock()()
	for _, r := range m.where(-1, func(r ledger.Record) bool { return r.State == runwith.StateRunning && !r.CancelRequested.IsZero() }) {
		if r.NotBefore.After(now) {
			next = ledger.Sooner(next, r.NotBefore)
		} else {
			due = append(due, r)
		}
	}
	slices.SortStableFunc(due, func(a, b ledger.Record) int { return a.NotBefore.Compare(b.NotBefore) })
	return due[:min(len(due), limit)], next, nil
}

func (m *memory) AddTwin(_ context.Context, t store.Twin) (added bool, err error) {
	defer m.lock()()
	if _, known := m.twins[t.Execution]; known {
		return false, nil
	}
	m.twins[t.Execution] = twin{t, t.Found}
	m.Publish(t.Invocation)
	return true, nil
}

func (m *memory) TwinsDue(_ context.Context, now time.Time, limit int) (due []store.Twin, next time.Time, err error) {
	defer m.lock()()
	for _, t := range m.twins {
		switch {
		case t.next.IsZero():
		case t.next.After(now):
			next = ledger.Sooner(next, t.next)
		default:
			due = append(due, t.Twin)
		}
	}
	slices.SortFunc(due, func(a, b store.Twin) int { return cmp.Compare(a.Execution, b.Execution) })
	return due[:min(len(due), limit)], next, nil
}

func (m *memory) PostponeTwin(_ context.Context, execution string, next time.Time) error {
	defer m.lock()()
	t := m.twins[execution]
	t.next = next
	m.twins[execution] = t
	return nil
}

func (m *memory) bucket(name string) ledger.Bucket {
	b := m.buckets[name]
	b.Name = name
	return b
}

func (m *memory) Spend(_ context.Context, bucket string, q ledger.Quota, now time.Time) (ok bool, next time.Time, err error) {
	defer m.lock()()
	b, ok, next := m.bucket(bucket).Spend(q, now)
	m.buckets[bucket] = b
	return ok, next, nil
}

func (m *memory) Pause(_ context.Context, bucket string, now time.Time, retryAfter time.Duration) (time.Time, error) {
	defer m.lock()()
	b := m.bucket(bucket).Refused(now, retryAfter)
	m.buckets[bucket] = b
	return b.NotBefore, nil
}

func (m *memory) Resume(_ context.Context, bucket string) error {
	defer m.lock()()
	b := m.bucket(bucket)
	b.Failures, b.NotBefore = 0, time.Time{}
	m.buckets[bucket] = b
	return nil
}

func (m *memory) Origin(context.Context) (store.Origin, error) {
	defer m.lock()()
	return store.Origin{Empty: len(m.rows) == 0}, nil
}

func (m *memory) Rebuilt(context.Context) error { return nil }

func (m *memory) Import(_ context.Context, records []ledger.Record) (added []ledger.Record, err error) {
	defer m.lock()()
	for _, r := range records {
		_, known := m.rows[r.ID]
		_, isTwin := m.twins[r.Execution]
		if known || isTwin || r.Execution != "" && m.executes(r) {
			continue
		}
		if _, err := m.findKey(r.Owner, r.Key); err == nil {
			r.Key = ""
		}
		m.put(r)
		m.settleEventOf(r, r.Created)
		added = append(added, r)
	}
	return added, nil
}

func (m *memory) Tidy(_ context.Context, now time.Time, keep time.Duration, limit int) (int, error) {
	defer m.lock()()
	m.outbox = slices.DeleteFunc(m.outbox, func(d ledger.Delivery) bool {
		return d.Invocation == "" && d.Created.Before(now.Add(-ledger.BudgetDeliveryKept))
	})
	old := m.where(limit, func(r ledger.Record) bool {
		return r.Ended() && r.Finished.Before(now.Add(-cmp.Or(r.Keep, keep))) && !r.Watched() && (r.Key == "" || !r.KeyLives(now)) &&
			(!r.Unsettled() || r.Finished.Before(now.Add(-ledger.SettleWithin))) &&
			!slices.ContainsFunc(m.outbox, func(d ledger.Delivery) bool {
				return d.Invocation == r.ID && d.State == ledger.DeliveryPending && d.Created.After(now.Add(-ledger.DeliveryKept))
			})
	})
	for _, r := range old {
		m.remove(r.ID)
	}
	return len(old) + m.tidyUsage(now), nil
}

func (m *memory) Close() error { return nil }
