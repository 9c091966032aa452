package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

const (
	// txTimeout bounds a transaction, also one that waits for a connection.
	txTimeout = 15 * time.Second
	// retries is how often a transaction is made again that PostgreSQL chose to give way, and
	// reconnects how often one whose connection was lost before its commit.
	retries, reconnects = 10, 1
	// beginWrite begins a transaction in one round trip. A process that stands still holds its
	// locks for five seconds at most, and nobody waits longer than eight for one. These settings
	// end with the transaction, so a pooler does not hand them on.
	beginWrite = `BEGIN; SET LOCAL idle_in_transaction_session_timeout = '5s'; SET LOCAL lock_timeout = '8s'`
)

// errCommit means that the connection was lost while the transaction was committed: it is unknown
// whether it counts.
var errCommit = errors.New("the connection was lost during a commit")

// conn runs statements.
type conn interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error)
}

// tx is a transaction. It is for one goroutine.
type tx struct {
	conn
	ctx context.Context //nolint:containedctx // it lives as long as the transaction
}

// exec runs a statement, and returns how many rows it changed.
func (t tx) exec(sql string, args ...any) (int64, error) {
	tag, err := t.Exec(t.ctx, sql, clean(args)...)
	return tag.RowsAffected(), err
}

// row runs a query for one row. Its Scan returns [pgx.ErrNoRows] if there is none.
func (t tx) row(sql string, args ...any) pgx.Row { return t.QueryRow(t.ctx, sql, clean(args)...) }

// all reads the rows of a query with scan. Without rows it returns nil.
func all[T any](t tx, scan func(pgx.Row) (T, error), sql string, args ...any) ([]T, error) {
	rows, err := t.Query(t.ctx, sql, clean(args)...)
	if err != nil {
		return nil, err
	}
	return pgx.AppendRows([]T(nil), rows, func(row pgx.CollectableRow) (T, error) { return scan(row) })
}

// texts reads a column of texts.
func (t tx) texts(sql string, args ...any) ([]string, error) {
	return all(t, func(row pgx.Row) (text string, err error) {
		err = row.Scan(&text)
		return text, err
	}, sql, args...)
}

// clean replaces what PostgreSQL does not take in a text.
func clean(args []any) []any {
	for i, arg := range args {
		switch value := arg.(type) {
		case string:
			args[i] = cleanText(value)
		case *string:
			if value != nil {
				args[i] = cleanText(*value)
			}
		case []string:
			args[i] = cleanTexts(value)
		}
	}
	return args
}

// Legible returns a text as PostgreSQL takes it: without zero bytes, and bytes that are not UTF-8.
func Legible(text string) string { return cleanText(text) }

// cleanText replaces zero bytes, and bytes that are not UTF-8.
func cleanText(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

func cleanTexts(texts []string) []string {
	cleaned := make([]string, len(texts)) // not nil, which is NULL
	for i, text := range texts {
		cleaned[i] = cleanText(text)
	}
	return cleaned
}

// changeFunc makes changes in a transaction and returns the records that it changed. It may run
// more than once, each time in a new transaction.
type changeFunc = func(t tx) ([]ledger.Record, error)

// write runs f in a transaction. After the commit it publishes the changes of the records that f
// returns.
func (s *Store) write(ctx context.Context, what string, f changeFunc) ([]ledger.Record, error) {
	var changed []ledger.Record
	began := time.Now()
	err := s.retry(ctx, func(ctx context.Context) error {
		return s.inTx(ctx, pgx.TxOptions{BeginQuery: beginWrite}, func(t tx) (err error) {
			changed, err = f(t)
			return err
		})
	})
	if err != nil {
		return nil, s.failed(what, err)
	}
	s.committed(began)
	s.publish(changed)
	return changed, nil
}

// read runs f in a transaction that sees one state of the database.
func (s *Store) read(ctx context.Context, what string, f func(t tx) error) error {
	err := s.retry(ctx, func(ctx context.Context) error {
		return s.inTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, f)
	})
	return s.failed(what, err)
}

// ask runs f without a transaction: each query of f sees its own state of the database.
func (s *Store) ask(ctx context.Context, what string, f func(t tx) error) error {
	err := s.retry(ctx, func(ctx context.Context) error { return f(tx{s.pool, ctx}) })
	return s.failed(what, err)
}

// failed returns an error with what was to be done. Refusals are for the caller as they are.
func (s *Store) failed(what string, err error) error {
	if code(err) == diskFull {
		s.full.Store(new(time.Now()))
	}
	err = shown(err)
	if _, refusal := errors.AsType[*runwith.Error](err); err == nil || refusal {
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}

// inTx runs f in a transaction, and commits it if f returns no error.
func (s *Store) inTx(ctx context.Context, o pgx.TxOptions, f func(t tx) error) error {
	return s.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		begun, err := conn.BeginTx(ctx, o)
		if err != nil {
			return err
		}
		if err := f(tx{begun, ctx}); err != nil {
			if rollback := begun.Rollback(ctx); rollback != nil {
				err = errors.Join(err, rollback)
			}
			return err
		}
		if err := begun.Commit(ctx); err != nil {
			if code(err) == "" {
				err = errors.Join(errCommit, err)
			}
			return err
		}
		return nil
	})
}

// retry makes a transaction again that PostgreSQL chose to give way, and once more one whose
// connection was lost before its commit: the connection may have been dead for long.
func (s *Store) retry(ctx context.Context, once func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, txTimeout)
	defer cancel()
	for gaveWay, reconnected := 0, 0; ; {
		err := once(ctx)
		switch {
		case fleeting(err) && gaveWay < retries:
			gaveWay++
			if backoff.Sleep(ctx, rand.N(time.Duration(gaveWay)*5*time.Millisecond)) != nil {
				return err
			}
		case lost(err) && !errors.Is(err, errCommit) && ctx.Err() == nil && reconnected < reconnects:
			reconnected++
		default:
			return err
		}
	}
}
