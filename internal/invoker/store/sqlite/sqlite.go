// Package sqlite keeps invocations in an SQLite file that one process holds. Package
// store has the contract, and package ledger makes the decisions.
package sqlite

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/runwith/runwith/internal/bell"
	"github.com/runwith/runwith/internal/changes"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/metrics"
	"github.com/runwith/runwith/internal/sqlite"
)

// RestoredSuffix ends the name of the file beside a database that marks it as a copy
// from a backup.
const RestoredSuffix = ".restored"

//go:embed schema
var schema embed.FS

// migrations are the files of the schema, in order. A released one never changes.
var migrations = [...]string{"schema/1.sql", "schema/2.sql", "schema/3.sql", "schema/4.sql", "schema/5.sql", "schema/6.sql"}

// newestSchema builds the schema of all migrations in a new file, in half the time. A test
// writes it.
const newestSchema = "schema/newest.sql"

// Store is the store of one process, in a file.
type Store struct {
	path    string
	db      *sqlite.DB
	changed changes.Feed[string] // by invocation
	added   bell.Bell            // holds one when deliveries were added
	sums    reservations         // of the writer
	tidying sync.Mutex           // of tidied
	tidied  map[int64]int64      // the end of the last row that [Store.Tidy] found, by the time that rows are kept
}

var _ store.Store = (*Store)(nil)

// Open opens the store in a file, which it creates if it is missing, and brings its
// schema up to date. It refuses a store that has moved ([Store.Moved]). The caller closes the store.
func Open(ctx context.Context, path string) (*Store, error) {
	if err := refuseMoved(path); err != nil {
		return nil, err
	}
	return open(ctx, path)
}

func open(ctx context.Context, path string) (*Store, error) {
	scripts, err := sqlite.Scripts(schema, append(migrations[:], newestSchema)...)
	if err != nil {
		return nil, err
	}
	last := len(migrations)
	db, err := sqlite.Open(ctx, sqlite.Options{Path: path, Migrations: scripts[:last], Newest: scripts[last]})
	if err != nil {
		return nil, err
	}
	return &Store{path: path, db: db, added: bell.New(), sums: reservations{}, tidied: map[int64]int64{}}, nil
}

// Examine looks at the store in a file without changing it; see [sqlite.Examine].
func Examine(ctx context.Context, path string) (found string, err error) {
	if err := refuseMoved(path); err != nil {
		return "", err
	}
	scripts, err := sqlite.Scripts(schema, migrations[:]...)
	if err != nil {
		return "", err
	}
	return sqlite.Examine(ctx, sqlite.Options{Path: path, Migrations: scripts})
}

// DB returns the database itself, to look into. What is written to it directly
// bypasses every rule of the ledger.
func (s *Store) DB() *sqlite.DB { return s.db }

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Ready returns why the store takes no new invocations: its disk is almost full.
func (s *Store) Ready(context.Context) error { return s.db.Ready() }

// Metrics returns what the store reports.
func (s *Store) Metrics() []metrics.Metric { return s.db.Metrics() }

// Subscribe implements [store.Store].
func (s *Store) Subscribe(id string) (changed <-chan struct{}, leave func()) {
	return s.changed.Subscribe(id)
}

// Subscriptions is how many invocations somebody is subscribed to.
func (s *Store) Subscriptions() int { return s.changed.Len() }

// write runs f in a transaction. After the commit it publishes the changes of the
// records that f returns.
func (s *Store) write(ctx context.Context, what string, f changeFunc) ([]ledger.Record, error) {
	return s.writeBy(ctx, s.db.Write, what, f)
}

// add is write for new work, which is refused while the disk is almost full.
func (s *Store) add(ctx context.Context, what string, f changeFunc) ([]ledger.Record, error) {
	return s.writeBy(ctx, s.db.Add, what, f)
}

// changeFunc makes changes in a transaction and returns the records that it changed.
type changeFunc = func(tx *sqlite.Tx) ([]ledger.Record, error)

func (s *Store) writeBy(ctx context.Context, by func(context.Context, func(*sqlite.Tx) error) error, what string, f changeFunc) ([]ledger.Record, error) {
	var changed []ledger.Record
	err := by(ctx, func(tx *sqlite.Tx) (err error) {
		changed, err = f(tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	for _, r := range changed {
		s.changed.Publish(r.ID)
		if r.Told() {
			s.ring()
		}
	}
	return changed, nil
}

// ring tells the receiver of Added that there may be new deliveries.
func (s *Store) ring() {
	s.added.Ring()
}

// Move implements [store.Store].
func (s *Store) Move(ctx context.Context, m ledger.Move) (ledger.Record, error) {
	moved, err := s.write(ctx, fmt.Sprintf("%s to %s", m.From.State, m.To.State), func(tx *sqlite.Tx) ([]ledger.Record, error) {
		return s.moveAll(tx, []ledger.Move{m})
	})
	if err != nil {
		return ledger.Record{}, err
	}
	return moved[0], nil
}

// MoveEach implements [store.Store].
func (s *Store) MoveEach(ctx context.Context, moves []ledger.Move) ([]ledger.Record, error) {
	return s.write(ctx, "move invocations", func(tx *sqlite.Tx) (moved []ledger.Record, err error) {
		for _, m := range moves {
			next, err := s.move(tx, m)
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

// moveAll makes all moves or none.
func (s *Store) moveAll(tx *sqlite.Tx, moves []ledger.Move) ([]ledger.Record, error) {
	moved := make([]ledger.Record, 0, len(moves))
	for _, m := range moves {
		next, err := s.move(tx, m)
		if err != nil {
			return nil, err
		}
		moved = append(moved, next)
	}
	return moved, nil
}

// move makes one move, as a compare-and-set, and writes what follows from it.
func (s *Store) move(tx *sqlite.Tx, m ledger.Move) (ledger.Record, error) {
	if !m.Legal() {
		return m.From, store.ErrStale
	}
	to := m.Made(time.Now())
	changed, err := tx.Exec(updateRecord, append(changingValues(to), m.From.ID, m.From.Version, m.From.State, to.Execution)...)
	switch {
	case sqlite.Conflict(err):
		return m.From, errors.Join(store.ErrTaken, err)
	case err != nil:
		return m.From, err
	case changed != 1:
		return m.From, store.ErrStale
	}
	s.sums.change(tx, m.From, to)
	return to, follow(tx, m)
}

// follow writes what follows from a move: deliveries, and which rows may look for a slot or
// for room in a budget.
func follow(tx *sqlite.Tx, m ledger.Move) error {
	if len(m.To.Subscribers) > 0 {
		if err := insertDeliveries(tx, ledger.Deliveries(m, time.Now())); err != nil {
			return err
		}
	}
	if err := followSlot(tx, m); err != nil {
		return err
	}
	return followBudget(tx, m)
}

// Origin implements [store.Store].
func (s *Store) Origin(ctx context.Context) (o store.Origin, err error) {
	o.Restored = s.restored()
	err = s.db.Read(ctx, func(tx *sqlite.Tx) error {
		return tx.QueryRow(`SELECT NOT EXISTS (SELECT 1 FROM invocations)`).Scan(&o.Empty)
	})
	if err != nil {
		return o, fmt.Errorf("look for invocations: %w", err)
	}
	return o, nil
}

// restored reports whether the store is a copy from a backup.
func (s *Store) restored() bool {
	_, err := os.Stat(s.path + RestoredSuffix)
	return err == nil
}

// Rebuilt implements [store.Store].
func (s *Store) Rebuilt(context.Context) error {
	if err := os.Remove(s.path + RestoredSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the mark of a restored store: %w", err)
	}
	return nil
}
