package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith"
)

// filledTables are the tables of an installation, in an order that their references allow. The
// others belong to this database or its processes.
func filledTables() []string {
	return []string{
		"invocations", "labels", "twins", "buckets", "deliveries", "endpoints", "refused_events", "schedules",
		"usage", "usage_labels", "usage_sums",
	}
}

// Filling is an empty store that gets the tables of another one.
type Filling struct {
	t      tx
	tables []FilledTable
}

// FilledTable is a table of a store.
type FilledTable struct {
	Name    string
	Columns []string
	types   []string
}

// Filler is what [Fill] calls. An error undoes everything.
type Filler struct {
	// Tables copies all tables.
	Tables func(*Filling) error
	// Indexes hears of each index that was built.
	Indexes func(built, all int)
	// Last is called directly before the commit.
	Last func() error
}

// Fill fills an empty store in one transaction. It refuses a database that has rows, or that a server
// uses. See also [Unknown].
func Fill(ctx context.Context, o Options, filler Filler) error {
	pool, _, err := connect(ctx, o)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := prepareSchema(ctx, pool, true); err != nil {
		return err
	}
	s := &Store{pool: pool}
	if err := s.identify(ctx); err != nil {
		return err
	}
	err = s.inTx(ctx, pgx.TxOptions{}, func(t tx) error {
		f := Filling{t: t}
		if err := f.begin(); err != nil {
			return err
		}
		if err := f.withoutIndexes(filler); err != nil {
			return err
		}
		if err := f.end(s.system); err != nil {
			return err
		}
		return filler.Last()
	})
	return s.failed("fill the database", err)
}

// Unknown reports whether an error leaves it unknown whether a transaction counts: the connection
// was lost while it was committed.
func Unknown(err error) bool { return errors.Is(err, errCommit) }

// begin locks the store, and checks that it is empty and that no server uses it.
func (f *Filling) begin() error {
	if _, err := f.t.exec(`SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0;
		SET LOCAL lock_timeout = '10s'; SET LOCAL maintenance_work_mem = '256MB'`); err != nil {
		return err
	}
	var working bool
	if err := f.t.row(`SELECT EXISTS (SELECT 1 FROM leases WHERE until > clock_timestamp())`).Scan(&working); err != nil {
		return err
	}
	if working {
		return runwith.Errorf(runwith.FailedPrecondition, "a server works on this database: stop it, and see runwith store status for what it does")
	}
	for _, table := range filledTables() {
		var some bool
		if _, err := f.t.exec(`LOCK TABLE ` + table + ` IN ACCESS EXCLUSIVE MODE`); err != nil {
			return err
		}
		if err := f.t.row(`SELECT EXISTS (SELECT 1 FROM ` + table + `)`).Scan(&some); err != nil {
			return err
		}
		if some {
			return runwith.Errorf(runwith.FailedPrecondition, "the database is not empty: its table %s has rows. Make another database with createdb", table)
		}
		described, err := f.describe(table)
		if err != nil {
			return err
		}
		f.tables = append(f.tables, described)
	}
	return nil
}

// describe reads the columns of a table.
func (f *Filling) describe(table string) (d FilledTable, err error) {
	d.Name = table
	rows, err := f.t.Query(f.t.ctx, `SELECT column_name::text, data_type::text FROM information_schema.columns
		WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position`, table)
	if err != nil {
		return d, err
	}
	var name, kind string
	_, err = pgx.ForEachRow(rows, []any{&name, &kind}, func() error {
		d.Columns, d.types = append(d.Columns, name), append(d.types, kind)
		return nil
	})
	return d, err
}

// Tables returns the tables to copy, in their order.
func (f *Filling) Tables() []FilledTable { return f.tables }

// Copy adds rows to a table. Their values are nil, int64, float64, string or []byte: a boolean is 0
// or 1, a time is microseconds since 1970.
func (f *Filling) Copy(table FilledTable, rows iter.Seq2[[]any, error]) error {
	next, stop := iter.Pull2(rows)
	defer stop()
	_, err := f.t.CopyFrom(f.t.ctx, pgx.Identifier{table.Name}, table.Columns, pgx.CopyFromFunc(func() ([]any, error) {
		row, err, more := next()
		if err != nil || !more {
			return nil, err
		}
		values := make([]any, len(row))
		for i, v := range row {
			values[i] = typed(v, table.types[i])
		}
		return values, nil
	}))
	if err != nil {
		return fmt.Errorf("table %s: %w", table.Name, err)
	}
	return nil
}

// typed returns a value as PostgreSQL's type needs it.
func typed(v any, kind string) any {
	switch n, whole := v.(int64); {
	case whole && kind == "boolean":
		return n != 0
	case whole && kind == "timestamp with time zone":
		return time.UnixMicro(n)
	}
	return v
}

// Rows yields the rows of a table, with values as Copy takes them, in any order.
func (f *Filling) Rows(table FilledTable) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		rows, err := f.t.Query(f.t.ctx, `SELECT `+joined(table.Columns)+` FROM `+table.Name)
		if err != nil {
			yield(nil, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			values, err := rows.Values()
			for i, v := range values {
				values[i] = untyped(v)
			}
			if !yield(values, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// untyped is the reverse of typed.
func untyped(v any) any {
	switch v := v.(type) {
	case bool:
		if v {
			return int64(1)
		}
		return int64(0)
	case time.Time:
		return v.UnixMicro()
	case int32:
		return int64(v)
	}
	return v
}
