package sqlite

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/runwith/runwith/internal/sqlite"
)

// Raw reads the stored values of whole tables, to copy them.
type Raw struct{ tx *sqlite.Tx }

// ReadRaw runs f on one snapshot of the store. What f gets is valid until f returns.
func (s *Store) ReadRaw(ctx context.Context, f func(Raw) error) error {
	return s.db.Read(ctx, func(tx *sqlite.Tx) error { return f(Raw{tx}) })
}

// Tables returns the names of all tables.
func (r Raw) Tables() ([]string, error) {
	return texts(r.tx, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`)
}

// Columns returns the names of a table's columns.
func (r Raw) Columns(table string) ([]string, error) {
	return texts(r.tx, `SELECT name FROM pragma_table_info(?)`, table)
}

// Count returns how many rows a table has.
func (r Raw) Count(table string) (n int64, err error) {
	err = r.tx.QueryRow(`SELECT count(*) FROM ` + table).Scan(&n)
	return n, err
}

// Rows yields all rows of a table with some of its columns, in any order. The values are nil,
// int64, float64, string or []byte. A row is valid until the next one.
func (r Raw) Rows(table string, columns []string) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		for row, err := range r.tx.Query(`SELECT ` + strings.Join(columns, `, `) + ` FROM ` + table) {
			if err == nil {
				err = row.Scan(into...)
			}
			if err != nil {
				err = fmt.Errorf("read the table %s: %w", table, err)
			}
			if !yield(notNil(values), err) || err != nil {
				return
			}
		}
	}
}

// notNil replaces empty bytes, which the driver reads as nil bytes.
func notNil(values []any) []any {
	for i, v := range values {
		if bytes, is := v.([]byte); is && bytes == nil {
			values[i] = []byte{}
		}
	}
	return values
}
