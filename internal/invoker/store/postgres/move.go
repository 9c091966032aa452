package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// Move implements [store.Store].
func (s *Store) Move(ctx context.Context, m ledger.Move) (ledger.Record, error) {
	moved, err := s.write(ctx, fmt.Sprintf("%s to %s", m.From.State, m.To.State), func(t tx) ([]ledger.Record, error) {
		if err := s.lockFor(t, []ledger.Move{m}); err != nil {
			return nil, err
		}
		return s.moveAll(t, []ledger.Move{m})
	})
	if err != nil {
		return ledger.Record{}, err
	}
	return moved[0], nil
}

// MoveEach implements [store.Store].
func (s *Store) MoveEach(ctx context.Context, moves []ledger.Move) ([]ledger.Record, error) {
	moves = slices.SortedFunc(slices.Values(moves), func(a, b ledger.Move) int { return strings.Compare(a.From.ID, b.From.ID) })
	return s.write(ctx, "move invocations", func(t tx) (moved []ledger.Record, err error) {
		if err := s.lockFor(t, moves); err != nil {
			return nil, err
		}
		for _, m := range moves {
			next, err := s.move(t, m)
			switch {
			case errors.Is(err, store.ErrStale):
			case err != nil:
				return nil, err
			default:
				moved = append(moved, next)
			}
		}
		return moved, nil
	})
}

// lockFor takes the locks that moves need before they touch rows: those of the slots that they may
// release, and that of the budgets in which they may make room.
func (s *Store) lockFor(t tx, moves []ledger.Move) error {
	var (
		slots   []string
		budgets bool
	)
	for _, m := range moves {
		if m.Releases() {
			slots = append(slots, m.From.Slot)
		}
		budgets = budgets || touchesBudget(m)
	}
	if err := t.lockKeys(slots); err != nil || !budgets {
		return err
	}
	return lockToFree(t)
}

// moveAll makes all moves or none, in one round trip and what follows from them. The caller has
// their locks.
func (s *Store) moveAll(t tx, moves []ledger.Move) ([]ledger.Record, error) {
	moved := make([]ledger.Record, len(moves))
	changed := make([]int64, len(moves))
	var b batch
	for i, m := range moves {
		if !m.Legal() {
			return nil, store.ErrStale
		}
		moved[i] = m.Made(s.Now())
		b.count(&changed[i], updateRecord, updating(m, moved[i])...)
	}
	if err := b.run(t); err != nil {
		return nil, taken(err)
	}
	if slices.Contains(changed, 0) {
		return nil, store.ErrStale
	}
	for _, m := range moves {
		s.follow(&b, m)
	}
	return moved, b.run(t)
}

// move makes one move, as a compare-and-set, and writes what follows from it.
func (s *Store) move(t tx, m ledger.Move) (ledger.Record, error) {
	if !m.Legal() {
		return m.From, store.ErrStale
	}
	to := m.Made(s.Now())
	changed, err := t.exec(updateRecord, updating(m, to)...)
	switch {
	case err != nil:
		return m.From, taken(err)
	case changed != 1:
		return m.From, store.ErrStale
	}
	var b batch
	s.follow(&b, m)
	return to, b.run(t)
}

// updating returns the arguments of updateRecord.
func updating(m ledger.Move, to ledger.Record) []any {
	return append(changingValues(to), m.From.ID, m.From.Version, string(m.From.State), to.Execution)
}

// taken returns the error of updateRecord: the execution may belong to another row.
func taken(err error) error {
	if violates(err, "invocations_by_execution") {
		return errors.Join(store.ErrTaken, err)
	}
	return err
}

// follow writes what follows from a move: deliveries, and which rows may look for a slot or
// for room in a budget.
func (s *Store) follow(b *batch, m ledger.Move) {
	if len(m.To.Subscribers) > 0 {
		b.deliveries(ledger.Deliveries(m, s.Now()))
	}
	if m.To.Slot != "" && m.Unparks() {
		b.exec(`UPDATE invocations SET parked = false WHERE id = $1 AND parked`, m.From.ID)
	}
	if m.Releases() {
		b.unpark(m.From.Slot)
	}
	followBudget(b, m)
}
