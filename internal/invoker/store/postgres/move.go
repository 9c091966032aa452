package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// Move implements [store.Store]. A move of a row that shares nothing with others is one statement.
func (s *Store) Move(ctx context.Context, m ledger.Move) (ledger.Record, error) {
	what := fmt.Sprintf("%s to %s", m.From.State, m.To.State)
	if solitary(m) {
		return s.moveAlone(ctx, what, m)
	}
	moved, err := s.write(ctx, what, func(t tx) ([]ledger.Record, error) {
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

// solitary reports whether a move changes its row and nothing else, and whether nobody counts what it
// changes.
func solitary(m ledger.Move) bool {
	return m.Legal() && m.From.Slot == "" && m.To.Slot == "" && len(m.To.Subscribers) == 0 && !touchesBudget(m)
}

// moveAlone makes a solitary move in a transaction of its own, in one round trip.
func (s *Store) moveAlone(ctx context.Context, what string, m ledger.Move) (ledger.Record, error) {
	var (
		to      ledger.Record
		changed int64
		began   = time.Now()
	)
	err := s.retry(ctx, func(ctx context.Context) error {
		return s.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) (err error) {
			to = m.Made(s.Now())
			if changed, err = (tx{conn, ctx}).exec(updateRecord, updating(m, to)...); lost(err) && !pgconn.SafeToRetry(err) {
				err = errors.Join(errCommit, err)
			}
			return err
		})
	})
	switch {
	case err != nil:
		return ledger.Record{}, s.failed(what, taken(err))
	case changed != 1:
		return ledger.Record{}, s.failed(what, store.ErrStale)
	}
	s.committed(began)
	s.publish([]ledger.Record{to})
	return to, nil
}

// MoveEach implements [store.Store].
func (s *Store) MoveEach(ctx context.Context, moves []ledger.Move) ([]ledger.Record, error) {
	moves = slices.DeleteFunc(slices.Clone(moves), func(m ledger.Move) bool { return !m.Legal() })
	slices.SortFunc(moves, func(a, b ledger.Move) int { return strings.Compare(a.From.ID, b.From.ID) })
	return s.write(ctx, "move invocations", func(t tx) (moved []ledger.Record, err error) {
		if err := s.lockFor(t, moves); err != nil {
			return nil, err
		}
		return s.moveFitting(t, moves)
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

// moveAll makes all moves or none. The caller has their locks.
func (s *Store) moveAll(t tx, moves []ledger.Move) ([]ledger.Record, error) {
	if slices.ContainsFunc(moves, func(m ledger.Move) bool { return !m.Legal() }) {
		return nil, store.ErrStale
	}
	moved, err := s.moveFitting(t, moves)
	if err == nil && len(moved) < len(moves) {
		err = store.ErrStale
	}
	return moved, err
}

// moveFitting makes legal moves as compare-and-sets, in one round trip, and what follows from those
// that match their rows. The caller has their locks.
func (s *Store) moveFitting(t tx, moves []ledger.Move) (moved []ledger.Record, err error) {
	to, changed := make([]ledger.Record, len(moves)), make([]int64, len(moves))
	var b batch
	for i, m := range moves {
		to[i] = m.Made(s.Now())
		b.count(&changed[i], updateRecord, updating(m, to[i])...)
	}
	if err := b.run(t); err != nil {
		return nil, taken(err)
	}
	for i, m := range moves {
		if changed[i] == 1 {
			moved = append(moved, to[i])
			s.follow(&b, m)
		}
	}
	return moved, b.run(t)
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
