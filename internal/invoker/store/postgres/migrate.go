package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/runwith/runwith"
)

//go:embed schema
var schema embed.FS

// migration is a step of the schema. A released one never changes.
type migration struct {
	file string
	// oldest is the schema version of the oldest program that works with the schema after this
	// step. It is the version before if no column or index that it uses goes away: then that
	// program and its successor may run side by side while replicas are exchanged one by one.
	oldest int
}

// migrations are the steps, in order.
var migrations = [...]migration{{"schema/1.sql", 1}, {"schema/2.sql", 1}, {"schema/3.sql", 1}}

// Newest is the schema version of this program.
const Newest = len(migrations)

// Version is what a database says of its schema.
type Version struct {
	// Schema is the newest step that was made; 0: none was.
	Schema int `json:"schema"`
	// Oldest is the schema version of the oldest program that works with it.
	Oldest int `json:"oldest"`
}

// Fits returns why this program cannot use the schema: it is newer or older.
func (v Version) Fits() error {
	switch {
	case v.Oldest > Newest:
		return runwith.Errorf(runwith.FailedPrecondition,
			"the database has schema version %d, which needs a runwith of version %d or newer, and this runwith has version %d: use a newer runwith", v.Schema, v.Oldest, Newest)
	case v.Schema == 0:
		return runwith.Errorf(runwith.FailedPrecondition, "the database has no tables of runwith: make them with runwith store migrate")
	case v.Schema < Newest:
		return runwith.Errorf(runwith.FailedPrecondition,
			"the database has schema version %d, and this runwith needs version %d: bring it up to date with runwith store migrate", v.Schema, Newest)
	}
	return nil
}

// prepareSchema checks the schema, and brings it up to date if it may.
func prepareSchema(ctx context.Context, pool *pgxpool.Pool, migrates bool) error {
	v, err := readVersion(ctx, pool)
	if err != nil {
		return fmt.Errorf("read the schema version: %w", shown(err))
	}
	unfit := v.Fits()
	if unfit == nil || !migrates || v.Schema >= Newest {
		return unfit
	}
	_, err = migrateAll(ctx, pool)
	return err
}

// querier runs a query for one row.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// readVersion reads the schema version. It is the zero Version if there are no tables.
func readVersion(ctx context.Context, q querier) (v Version, err error) {
	var made bool // asked first, so that PostgreSQL logs no error
	if err := q.QueryRow(ctx, `SELECT to_regclass('schema_version') IS NOT NULL`).Scan(&made); err != nil || !made {
		return v, err
	}
	err = q.QueryRow(ctx, `SELECT version, oldest FROM schema_version`).Scan(&v.Schema, &v.Oldest)
	if errors.Is(err, pgx.ErrNoRows) {
		return Version{}, nil
	}
	return v, err
}

// migrateAll makes the steps that are missing, in one transaction, and returns the version before.
// Of several processes that do so at once, one does it and the others wait.
func migrateAll(ctx context.Context, pool *pgxpool.Pool) (before Version, err error) {
	err = pgx.BeginFunc(ctx, pool, func(t pgx.Tx) error {
		if _, err := t.Exec(ctx, `SELECT pg_advisory_xact_lock($1, 0)`, lockSchema); err != nil {
			return err
		}
		if _, err := t.Exec(ctx, `CREATE TABLE IF NOT EXISTS schema_version (
			one     boolean PRIMARY KEY DEFAULT true CHECK (one),
			version integer NOT NULL, -- the newest step of the schema
			oldest  integer NOT NULL  -- of the oldest program that works with it
		)`); err != nil {
			return err
		}
		if before, err = readVersion(ctx, t); err != nil {
			return err
		}
		if before.Schema >= Newest {
			return nil
		}
		return makeSteps(ctx, t, before.Schema)
	})
	if code(err) == insufficientRight {
		return before, &runwith.Error{Code: runwith.FailedPrecondition, Err: err,
			Message: "this user may not change the database's schema: run runwith store migrate as a user that may"}
	}
	if err != nil {
		return before, fmt.Errorf("migrate the database: %w", shown(err))
	}
	return before, nil
}

// makeSteps makes the steps after a version.
func makeSteps(ctx context.Context, t pgx.Tx, from int) error {
	for i, m := range migrations[from:] {
		script, err := schema.ReadFile(m.file)
		if err != nil {
			return err
		}
		if _, err := t.Exec(ctx, string(script)); err != nil {
			return fmt.Errorf("step %d: %w", from+i+1, err)
		}
	}
	_, err := t.Exec(ctx, `INSERT INTO schema_version (version, oldest) VALUES ($1, $2)
		ON CONFLICT (one) DO UPDATE SET version = excluded.version, oldest = excluded.oldest`, Newest, migrations[Newest-1].oldest)
	return err
}
