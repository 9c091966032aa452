package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Status is what a store is, and who works on it.
type Status struct {
	// Server is the version of PostgreSQL.
	Server string `json:"server"`
	// Schema is what the database says of its schema, and Program the version of this program.
	Schema  Version `json:"schema"`
	Program int     `json:"program"`
	// Pooler says that a pooler stands before the database.
	Pooler bool `json:"pooler"`
	// ReadOnly says that the database takes no changes, for example because it is a replica.
	ReadOnly bool `json:"readOnly"`
	// Size is the room that the database has on its disk, in bytes.
	Size int64 `json:"size"`
	// Outstanding are the invocations that have not ended, by state.
	Outstanding map[string]int64 `json:"outstanding"`
	// Leases are those that a process holds.
	Leases []Lease `json:"leases"`
}

// Lease is what one process does for all.
type Lease struct {
	Name   string    `json:"name"`
	Holder string    `json:"holder"`
	Epoch  int64     `json:"epoch"`
	Until  time.Time `json:"until"`
}

// Migrate brings the schema up to date, and returns the version before. It is a no-op if the schema
// is up to date already.
func Migrate(ctx context.Context, o Options) (before Version, err error) {
	pool, _, err := connect(ctx, o)
	if err != nil {
		return before, err
	}
	defer pool.Close()
	if before, err = readVersion(ctx, pool); err != nil {
		return before, fmt.Errorf("read the schema version: %w", shown(err))
	}
	if before.Schema >= Newest {
		return before, before.Fits()
	}
	return migrateAll(ctx, pool)
}

// Examine looks at a store without changing it. The error is that of the connection; what is wrong
// with the schema is in [Version.Fits].
func Examine(ctx context.Context, o Options) (Status, error) {
	pool, pooled, err := connect(ctx, o)
	if err != nil {
		return Status{}, err
	}
	defer pool.Close()
	status := Status{Pooler: pooled, Program: Newest, Outstanding: map[string]int64{}, Leases: []Lease{}}
	err = pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(t pgx.Tx) error {
		return status.read(tx{t, ctx})
	})
	if err != nil {
		return status, fmt.Errorf("look at the database: %w", shown(err))
	}
	status.ReadOnly, err = readOnly(ctx, pool)
	return status, shown(err)
}

func (s *Status) read(t tx) (err error) {
	if err := t.row(`SELECT current_setting('server_version'), pg_database_size(current_database())`).Scan(&s.Server, &s.Size); err != nil {
		return err
	}
	var there bool
	if err := t.row(`SELECT to_regclass('schema_version') IS NOT NULL`).Scan(&there); err != nil || !there {
		return err
	}
	if s.Schema, err = readVersion(t.ctx, t); err != nil || s.Schema.Fits() != nil {
		return err
	}
	if err := s.count(t); err != nil {
		return err
	}
	s.Leases, err = all(t, func(row pgx.Row) (l Lease, err error) {
		err = row.Scan(&l.Name, &l.Holder, &l.Epoch, &l.Until)
		return l, err
	}, `SELECT name, holder, epoch, until FROM leases WHERE until > clock_timestamp() ORDER BY name`)
	return err
}

// count counts the invocations that have not ended.
func (s *Status) count(t tx) error {
	rows, err := t.Query(t.ctx, `SELECT state, count(*) FROM invocations WHERE finished = 'epoch' AND `+isOutstanding+` GROUP BY state`)
	if err != nil {
		return err
	}
	var (
		state string
		n     int64
	)
	_, err = pgx.ForEachRow(rows, []any{&state, &n}, func() error {
		s.Outstanding[state] = n
		return nil
	})
	return err
}

// readOnly reports whether the database takes no changes.
func readOnly(ctx context.Context, pool *pgxpool.Pool) (is bool, err error) {
	err = pool.QueryRow(ctx, `SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on'`).Scan(&is)
	return is, err
}
