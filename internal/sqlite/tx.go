package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"sync"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrNoRows is what [Row.Scan] returns where the query found nothing.
var ErrNoRows = sql.ErrNoRows

// Tx is a transaction, valid within the function that got it.
type Tx struct {
	ctx  context.Context //nolint:containedctx // a Tx lives no longer than the call that it was made for
	stmt func(query string) (*sql.Stmt, error)

	ends []func(committed bool)
}

// OnEnd has f called once it is decided what became of a [DB.Write]: with true when
// its changes are on disk, with false when they were taken back. f is called before
// Write returns and before a later Write begins, in the order of the commits; changes
// are taken back in the opposite order. f must not block, and must not use the
// database. A [DB.Read] never calls it.
func (tx *Tx) OnEnd(f func(committed bool)) { tx.ends = append(tx.ends, f) }

// Row is one row of a result.
type Row interface {
	Scan(dest ...any) error
}

// Exec runs a statement and returns how many rows it changed. That number is
// what a compare-and-set looks at.
func (tx *Tx) Exec(query string, args ...any) (changed int64, err error) {
	stmt, err := tx.stmt(query)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(tx.ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// QueryRow runs a query that finds at most one row; its Scan returns
// [ErrNoRows] where there is none. A context that has ended stops it before it
// begins and not within: to watch one costs more than a row does.
func (tx *Tx) QueryRow(query string, args ...any) Row {
	stmt, err := tx.stmt(query)
	if err != nil {
		return failedRow{err}
	}
	if err := tx.ctx.Err(); err != nil {
		return failedRow{err}
	}
	return stmt.QueryRowContext(context.WithoutCancel(tx.ctx), args...)
}

// Query yields the rows that a query finds. A row is valid until the next one;
// an error ends the sequence.
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
		for rows.Next() {
			if !yield(rows, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, err)
		}
	}
}

type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }

// Conflict reports whether err says that a row with the same key exists.
func Conflict(err error) bool {
	e, ok := errors.AsType[*driver.Error](err)
	return ok && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// full reports whether err says that the disk is full.
func full(err error) bool {
	e, ok := errors.AsType[*driver.Error](err)
	return ok && e.Code()&0xff == sqlite3.SQLITE_FULL
}

// damaged reports whether err says that a file is no database, or not one any more.
func damaged(err error) bool {
	e, ok := errors.AsType[*driver.Error](err)
	return ok && (e.Code()&0xff == sqlite3.SQLITE_NOTADB || e.Code()&0xff == sqlite3.SQLITE_CORRUPT)
}

// statements keeps prepared statements by their text. Queries are constants of
// the program, so their number is bounded by it.
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
