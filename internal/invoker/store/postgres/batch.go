package postgres

import (
	"github.com/jackc/pgx/v5"
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

// run runs the statements until one fails, and empties the batch.
func (b *batch) run(t tx) error {
	if b.Len() == 0 {
		return nil
	}
	err := t.SendBatch(t.ctx, &b.Batch).Close()
	*b = batch{}
	return err
}
