package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrNoRows is the error of [Row.Scan] if the query found nothing.
var ErrNoRows = sql.ErrNoRows

// Tx is a transaction. It is valid only inside the function that received it.
type Tx struct {
	ctx  context.Context //nolint:containedctx // a Tx lives no longer than its call
	stmt func(query string) (*sql.Stmt, error)

	ends []func(committed bool)
}

// OnEnd registers f to be called once when the transaction ends: with true if its changes
// are on disk, with false if they were rolled back. The call happens before Write
// returns and before a later Write begins. Calls for commits happen in the order of the
// writes, calls for rollbacks in the opposite order. f must not block and must not use
// the database. A [DB.Read] never calls it.
func (tx *Tx) OnEnd(f func(committed bool)) { tx.ends = append(tx.ends, f) }

// Row is one row of a result.
type Row interface {
	Scan(dest ...any) error
}

// Exec runs a statement and returns the number of changed rows, which shows whether a
// compare-and-set succeeded.
func (tx *Tx) Exec(query string, args ...any) (changed int64, err error) {
	result, err := tx.exec(query, args)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Insert inserts one row and returns its ID. It costs less than a RETURNING clause.
func (tx *Tx) Insert(query string, args ...any) (id int64, err error) {
	result, err := tx.exec(query, args)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

func (tx *Tx) exec(query string, args []any) (sql.Result, error) {
	stmt, err := tx.stmt(query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(tx.ctx, args...)
}

// QueryRow runs a query that returns at most one row. Scan returns [ErrNoRows] if there
// is none. QueryRow checks the context only before the query, because watching a context
// costs more than reading a row.
func (tx *Tx) QueryRow(query string, args ...any) Row {
	stmt, err := tx.stmt(query)
	if err != nil {
		return failedRow{err}
	}
	if err := tx.ctx.Err(); err != nil {
		return failedRow{err}
	}
	return storedRow{stmt.QueryRowContext(context.WithoutCancel(tx.ctx), args...)}
}

// Query yields the rows of a query. A row is valid until the next one. An error ends the
// sequence.
func (tx *Tx) Query(query string, args ...any) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		stmt, err := tx.stmt(query)
		if err != nil {
			yield(nil, err)
			return
		}
		rows, err := stmt.QueryContext(tx.ctx, args...)
		if err != nil {
			yield(nil, err)
			return
		}
		defer rows.Close()
		for row := (storedRow{rows}); rows.Next(); {
			if !yield(row, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// storedRow is a row of the file. A value that does not fit its destination is damaged,
// because every table is STRICT.
type storedRow struct{ Row }

func (r storedRow) Scan(dest ...any) error {
	err := r.Row.Scan(dest...)
	if err == nil || errors.Is(err, ErrNoRows) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if _, ok := errors.AsType[*driver.Error](err); ok {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }

// Conflict reports whether err means that a row with the same key exists.
func Conflict(err error) bool {
	e, ok := errors.AsType[*driver.Error](err)
	return ok && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// full reports whether err means that the disk is full.
func full(err error) bool {
	e, ok := errors.AsType[*driver.Error](err)
	return ok && (e.Code()&0xff == sqlite3.SQLITE_FULL || e.Code() == sqlite3.SQLITE_IOERR_SHMSIZE)
}

// statements caches prepared statements by their text. All queries are constants, so
// their number is bounded.
type statements struct {
	prepareContext func(ctx context.Context, query string) (*sql.Stmt, error)

	mu    sync.Mutex
	byKey map[string]*sql.Stmt
}

func newStatements(prepare func(context.Context, string) (*sql.Stmt, error)) *statements {
	return &statements{prepareContext: prepare, byKey: map[string]*sql.Stmt{}}
}

func (s *statements) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stmt, ok := s.byKey[query]; ok {
		return stmt, nil
	}
	stmt, err := s.prepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", query, err)
	}
	s.byKey[query] = stmt
	return stmt, nil
}

func (s *statements) texts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.byKey))
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, stmt := range s.byKey {
		errs = append(errs, stmt.Close())
	}
	clear(s.byKey)
	return errors.Join(errs...)
}
