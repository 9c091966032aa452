package invoker

import (
	"context"
	"embed"
	"errors"
	"fmt"

	"github.com/runwith/runwith/internal/sqlite"
)

//go:embed schema
var schema embed.FS

// migrations are the files of the schema, in order. A released one never changes.
var migrations = [...]string{"schema/1.sql", "schema/2.sql"}

// sqliteStore is the [Store] of one process, in a file.
type sqliteStore struct {
	db *sqlite.DB
	// changed is told of each invocation that has changed, after the commit.
	changed func(id string)
}

// OpenSQLite opens the store in a file, which is created where it is missing, and
// brings its schema up to date. changed is told of each invocation that has
// changed, after the commit. The caller closes the store.
func OpenSQLite(ctx context.Context, path string, changed func(id string)) (Store, error) {
	scripts, err := sqlite.Scripts(schema, migrations[:]...)
	if err != nil {
		return nil, err
	}
	db, err := sqlite.Open(ctx, sqlite.Options{Path: path, Migrations: scripts})
	if err != nil {
		return nil, err
	}
	return &sqliteStore{db: db, changed: changed}, nil
}

// Close closes the file.
func (s *sqliteStore) Close() error { return s.db.Close() }

// write runs f in a transaction and tells of the records that f returns.
func (s *sqliteStore) write(ctx context.Context, what string, f func(tx *sqlite.Tx) ([]Record, error)) ([]Record, error) {
	var changed []Record
	err := s.db.Write(ctx, func(tx *sqlite.Tx) (err error) {
		changed, err = f(tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	for _, r := range changed {
		s.changed(r.ID)
	}
	return changed, nil
}

// Move implements [Records].
func (s *sqliteStore) Move(ctx context.Context, from, to Record) (Record, error) {
	moved, err := s.write(ctx, fmt.Sprintf("%s to %s", from.State, to.State), func(tx *sqlite.Tx) ([]Record, error) {
		return moveAll(tx, []Record{from}, func(Record) Record { return to })
	})
	if err != nil {
		return Record{}, err
	}
	return moved[0], nil
}

// MoveEach implements [Records].
func (s *sqliteStore) MoveEach(ctx context.Context, from []Record, to func(Record) Record) ([]Record, error) {
	return s.write(ctx, "move invocations", func(tx *sqlite.Tx) (moved []Record, err error) {
		for _, r := range from {
			next, err := move(tx, r, to(r))
			switch {
			case errors.Is(err, ErrStale):
			case err != nil:
				return nil, err
			default:
				moved = append(moved, next)
			}
		}
		return moved, nil
	})
}

func moveAll(tx *sqlite.Tx, from []Record, to func(Record) Record) ([]Record, error) {
	moved := make([]Record, 0, len(from))
	for _, r := range from {
		next, err := move(tx, r, to(r))
		if err != nil {
			return nil, err
		}
		moved = append(moved, next)
	}
	return moved, nil
}

// move makes one transition.
func move(tx *sqlite.Tx, from, to Record) (Record, error) {
	if !leads(from.State, to.State) {
		return to, ErrStale
	}
	to.Version = from.Version + 1
	changed, err := tx.Exec(updateRecord, append(to.values()[requestCount:], from.ID, from.Version, from.State, to.Execution)...)
	switch {
	case sqlite.Conflict(err):
		return to, errors.Join(ErrTaken, err)
	case err != nil:
		return to, err
	case changed != 1:
		return to, ErrStale
	}
	return to, nil
}
