package invoker

import (
	"context"
	"errors"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/sqlite"
)

const (
	isWaiting = `state IN ('accepted', 'queued')`
	isHolding = `state IN ('starting', 'running', 'unresolved')`
)

// Accept implements [Records].
func (s *sqliteStore) Accept(ctx context.Context, r Record, a Admission) (_ Record, replayed bool, err error) {
	var accepted Record
	_, err = s.write(ctx, "accept invocation", func(tx *sqlite.Tx) (changed []Record, err error) {
		if accepted, replayed, err = replay(tx, r, a.Now); err != nil || replayed {
			return nil, err
		}
		accepted = r
		if changed, err = admit(tx, &accepted, a); err != nil {
			return nil, err
		}
		_, err = tx.Exec(insertRecord, accepted.values()...)
		return append(changed, accepted), err
	})
	return accepted, replayed, err
}

// replay looks for the record's key. One that has expired is let go.
func replay(tx *sqlite.Tx, r Record, now time.Time) (before Record, found bool, err error) {
	if r.Key == "" {
		return r, false, nil
	}
	before, err = scan(tx.QueryRow(selectRecord+` WHERE owner = ? AND key = ?`, r.Owner, r.Key))
	switch {
	case errors.Is(err, sqlite.ErrNoRows):
		return r, false, nil
	case err != nil:
		return r, false, err
	case !before.keyLives(now):
		_, err := tx.Exec(`UPDATE invocations SET key = NULL WHERE id = ? AND key = ?`, before.ID, r.Key)
		return r, false, err
	case before.Fingerprint != r.Fingerprint:
		return r, false, keyReused(before, r.Fingerprint)
	}
	return before, true, nil
}

// admit gives the record its state by the slots of its concurrency key, and
// returns the others that this changes.
func admit(tx *sqlite.Tx, r *Record, a Admission) (changed []Record, err error) {
	if r.Slot == "" || a.Slots == 0 {
		return nil, nil
	}
	waiting, err := records(tx, selectRecord+` WHERE slot = ? AND slot <> '' AND `+isWaiting+` ORDER BY id LIMIT ?`, r.Slot, admitLimit(a))
	if err != nil {
		return nil, err
	}
	holding, err := records(tx, selectRecord+` WHERE slot = ? AND slot <> '' AND finished = 0 AND `+isHolding+` ORDER BY id`, r.Slot)
	if err != nil || len(waiting)+len(holding) < a.Slots {
		return nil, err
	}
	switch a.Overflow {
	case Rejecting:
		return nil, slotsFull(*r, len(waiting)+len(holding))
	case Replacing:
		changed, err = replace(tx, *r, a, waiting, holding)
	}
	r.State = runwith.StateQueued
	return changed, err
}

// admitLimit is how many that wait need to be looked at: where they only queue, one
// more than there are slots tells enough.
func admitLimit(a Admission) int {
	if a.Overflow == Replacing {
		return -1
	}
	return a.Slots
}

// replace drops those that wait, and has as many cancelled as the newcomer needs.
func replace(tx *sqlite.Tx, r Record, a Admission, waiting, holding []Record) ([]Record, error) {
	reason := &runwith.Failure{Code: runwith.Aborted.String(), Message: "invocation " + r.ID + " has replaced it"}
	dropped, err := moveAll(tx, waiting, func(old Record) Record {
		if !old.SearchFrom.IsZero() { // that is resolved first
			return old.cancelling(a.Now)
		}
		return old.cancelled(a.Now, reason)
	})
	if err != nil {
		return nil, err
	}
	var incumbents []Record
	for _, old := range holding[:max(0, len(holding)-a.Slots+1)] {
		if old.CancelRequested.IsZero() {
			incumbents = append(incumbents, old)
		}
	}
	ending, err := moveAll(tx, incumbents, func(old Record) Record { return old.cancelling(a.Now) })
	return append(dropped, ending...), err
}

// Withdraw implements [Records].
func (s *sqliteStore) Withdraw(ctx context.Context, id string) (withdrawn bool, err error) {
	_, err = s.write(ctx, "withdraw invocation", func(tx *sqlite.Tx) ([]Record, error) {
		n, err := tx.Exec(`DELETE FROM invocations WHERE id = ? AND search_from = 0 AND execution IS NULL AND `+isWaiting, id)
		withdrawn = n == 1
		return nil, err
	})
	return withdrawn, err
}
