package invoker

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/runwith/runwith/internal/sqlite"
)

//go:embed schema
var schema embed.FS

// migrations are the files of the schema, in order. A released one never changes.
var migrations = [...]string{"schema/1.sql"}

// errStale says that a row is not, or no longer, where a transition begins.
var errStale = errors.New("the invocation is not in the state that the transition begins with")

// store keeps invocations. Its methods are the transitions of the state machine:
// no transaction leaves it, and what a method has returned is on disk.
type store struct {
	db *sqlite.DB
	// changed is told of each invocation that has changed, after the commit.
	changed func(id string)
}

func openStore(ctx context.Context, path string, changed func(id string)) (*store, error) {
	scripts, err := sqlite.Scripts(schema, migrations[:]...)
	if err != nil {
		return nil, err
	}
	db, err := sqlite.Open(ctx, sqlite.Options{Path: path, Migrations: scripts})
	if err != nil {
		return nil, err
	}
	return &store{db: db, changed: changed}, nil
}

func (s *store) close() error { return s.db.Close() }

// accept adds a new invocation.
func (s *store) accept(ctx context.Context, r record) error {
	err := s.db.Write(ctx, func(tx *sqlite.Tx) error {
		_, err := tx.Exec(insertRecord, r.values()...)
		return err
	})
	if err != nil {
		return fmt.Errorf("accept invocation: %w", err)
	}
	return nil
}

// take leases up to limit invocations whose time has come, oldest first, and
// returns them as they are now: starting, or accepted where the job is still to
// be read.
func (s *store) take(ctx context.Context, now, until time.Time, limit int) ([]record, error) {
	var taken []record
	err := s.db.Write(ctx, func(tx *sqlite.Tx) error {
		due, err := records(tx, selectRecord+` WHERE state = 'accepted' AND not_before <= ? AND lease_until <= ?
			ORDER BY not_before, id LIMIT ?`, micros(now), micros(now), limit)
		if err != nil {
			return err
		}
		taken, err = moveAll(tx, due, func(r record) record { return r.leased(until) })
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("take from the queue: %w", err)
	}
	s.announce(taken)
	return taken, nil
}

// move makes the transition from one record to the next, and returns the record
// as it is then. It fails with errStale where the row is not as from says.
func (s *store) move(ctx context.Context, from, to record) (record, error) {
	err := s.db.Write(ctx, func(tx *sqlite.Tx) (err error) {
		to, err = move(tx, from, to)
		return err
	})
	if err != nil {
		return record{}, fmt.Errorf("%s to %s: %w", from.State, to.State, err)
	}
	s.changed(to.ID)
	return to, nil
}

// recover is for the start, when nobody has a lease: accepted invocations lose
// theirs, and those that were being started become unresolved and are returned.
func (s *store) recover(ctx context.Context) ([]record, error) {
	var parked []record
	err := s.db.Write(ctx, func(tx *sqlite.Tx) error {
		leased, err := records(tx, selectRecord+` WHERE state = 'accepted' AND lease_until > 0`)
		if err != nil {
			return err
		}
		if _, err := moveAll(tx, leased, record.released); err != nil {
			return err
		}
		starting, err := records(tx, selectRecord+` WHERE state = 'starting' ORDER BY id`)
		if err != nil {
			return err
		}
		parked, err = moveAll(tx, starting, interrupted)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("recover invocations: %w", err)
	}
	return parked, nil
}

func (s *store) announce(changed []record) {
	for _, r := range changed {
		s.changed(r.ID)
	}
}

func moveAll(tx *sqlite.Tx, from []record, to func(record) record) ([]record, error) {
	moved := make([]record, 0, len(from))
	for _, r := range from {
		next, err := move(tx, r, to(r))
		if err != nil {
			return nil, err
		}
		moved = append(moved, next)
	}
	return moved, nil
}

// move is where exactly once is kept: a compare-and-set on state and version, and
// an execution that is never exchanged for another.
func move(tx *sqlite.Tx, from, to record) (record, error) {
	if !leads(from.State, to.State) {
		return to, errStale
	}
	to.version = from.version + 1
	changed, err := tx.Exec(updateRecord, append(to.values(), from.ID, from.version, from.State, to.Execution)...)
	switch {
	case err != nil:
		return to, err
	case changed != 1:
		return to, errStale
	}
	return to, nil
}
