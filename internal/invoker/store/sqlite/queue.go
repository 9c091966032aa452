package sqlite

import (
	"context"
	"encoding/json"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/sqlite"
)

// isDispatchable is [ledger.Record.Dispatchable], and isCheckable is
// [ledger.Record.Checkable].
const (
	isDispatchable = isWaiting + ` AND checked = 1 AND search_from = 0`
	isCheckable    = isWaiting + ` AND checked = 0 AND search_from = 0`
)

// Take implements [store.Store]. One transaction looks at slots and tokens, takes them,
// and moves the rows to starting.
func (s *Store) Take(ctx context.Context, t ledger.Take) (taken store.Taken, err error) {
	taken.Records, err = s.write(ctx, "take from the queue", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		plan, err := plan(tx, t)
		if err != nil {
			return nil, err
		}
		taken.Next, taken.Probing, taken.Holds = plan.Next, plan.Probing, plan.Holds
		if plan.Limit == 0 {
			return nil, nil
		}
		moved, err := take(tx, t, plan)
		if err == nil && len(moved) == 0 {
			var due time.Time
			due, err = earliest(tx, `SELECT min(not_before) FROM invocations INDEXED BY invocations_waiting WHERE `+isDispatchable+` AND not_before > ?`, t.Now)
			taken.Next = ledger.Sooner(taken.Next, due)
		}
		return moved, err
	})
	return taken, err
}

// plan loads the buckets and slots that decide how much may be taken.
func plan(tx *sqlite.Tx, t ledger.Take) (ledger.Plan, error) {
	buckets, held := map[string]ledger.Bucket{}, map[string]int{}
	for _, name := range t.Buckets() {
		b, err := loadBucket(tx, name)
		if err != nil {
			return ledger.Plan{}, err
		}
		buckets[name] = b
	}
	for slot := range t.Slots {
		var n int
		if err := tx.QueryRow(`SELECT count(*) FROM invocations WHERE slot = ? AND slot <> '' AND finished = 0 AND `+isHolding, slot).Scan(&n); err != nil {
			return ledger.Plan{}, err
		}
		held[slot] = n
	}
	return ledger.PlanTake(t, buckets, held), nil
}

func take(tx *sqlite.Tx, t ledger.Take, plan ledger.Plan) ([]ledger.Record, error) {
	due, err := records(tx, selectRecord+` INDEXED BY invocations_waiting WHERE `+isDispatchable+` AND not_before <= ?
		AND job NOT IN (SELECT value FROM json_each(?)) AND slot NOT IN (SELECT value FROM json_each(?))
		ORDER BY id LIMIT ?`, micros(t.Now), list(plan.BlockedJobs), list(plan.BlockedSlots), plan.Limit)
	if err != nil {
		return nil, err
	}
	moves, buckets := plan.Choose(due)
	for _, b := range buckets {
		if err := saveBucket(tx, b); err != nil {
			return nil, err
		}
	}
	return moveAll(tx, moves)
}

// Unchecked implements [store.Store].
func (s *Store) Unchecked(ctx context.Context, now time.Time, lease time.Duration, limit int) (_ []ledger.Record, next time.Time, err error) {
	leased, err := s.write(ctx, "take what is unchecked", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		const unchecked = ` INDEXED BY invocations_waiting WHERE ` + isCheckable
		due, err := records(tx, selectRecord+unchecked+` AND not_before <= ? AND lease_until <= ? ORDER BY id LIMIT ?`, micros(now), micros(now), limit)
		if err != nil {
			return nil, err
		}
		next, err = earliest(tx, `SELECT min(max(not_before, lease_until)) FROM invocations`+unchecked+` AND max(not_before, lease_until) > ?`, now)
		if err != nil {
			return nil, err
		}
		moves := make([]ledger.Move, len(due))
		for i, r := range due {
			moves[i] = ledger.Move{From: r, To: r.Leased(now.Add(lease))}
		}
		return moveAll(tx, moves)
	})
	return leased, next, err
}

// earliest reads a time after now. It is zero if there is none.
func earliest(tx *sqlite.Tx, query string, now time.Time) (time.Time, error) {
	var at *int64
	if err := tx.QueryRow(query, micros(now)).Scan(&at); err != nil || at == nil {
		return time.Time{}, err
	}
	return fromMicros(*at), nil
}

// list is the form in which json_each takes names.
func list(names []string) string {
	if len(names) == 0 {
		return "[]"
	}
	text, _ := json.Marshal(names) // strings always encode
	return string(text)
}
