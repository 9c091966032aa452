package postgres

import (
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// batch is statements that reach the database in one round trip. They run in order, and each sees
// what others have committed before it.
type batch struct{ pgx.Batch }

// exec adds a statement.
func (b *batch) exec(sql string, args ...any) { b.Queue(sql, clean(args)...) }

// row adds a query for one row with one column.
func (b *batch) row(into any, sql string, args ...any) { b.rowOf([]any{into}, sql, args...) }

// rowOf adds a query for one row.
func (b *batch) rowOf(into []any, sql string, args ...any) {
	b.Queue(sql, clean(args)...).QueryRow(func(row pgx.Row) error { return row.Scan(into...) })
}

// texts adds a query for a column of texts.
func (b *batch) texts(into *[]string, sql string, args ...any) {
	b.Queue(sql, clean(args)...).Query(func(rows pgx.Rows) (err error) {
		*into, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
}

// records adds a query that begins with [selectRecord].
func (b *batch) records(into *[]ledger.Record, sql string, args ...any) {
	rowsOf(b, into, scan, sql, args...)
}

// rowsOf adds a query whose rows scan reads.
func rowsOf[T any](b *batch, into *[]T, scan func(pgx.Row) (T, error), sql string, args ...any) {
	b.Queue(sql, clean(args)...).Query(func(rows pgx.Rows) (err error) {
		*into, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (T, error) { return scan(row) })
		return err
	})
}

// count adds a statement, and notes how many rows it changed.
func (b *batch) count(into *int64, sql string, args ...any) {
	b.Queue(sql, clean(args)...).Exec(func(tag pgconn.CommandTag) error {
		*into = tag.RowsAffected()
		return nil
	})
}

// run runs the statements until one fails, and empties the batch.
func (b *batch) run(t tx) error {
	if b.Len() == 0 {
		return nil
	}
	err := t.SendBatch(t.ctx, &b.Batch).Close()
	*b = batch{}
	return err
}
