package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/runwith/runwith"
)

// Scripts reads the files of a schema for [Options.Migrations].
func Scripts(schema fs.FS, names ...string) ([]string, error) {
	scripts := make([]string, len(names))
	for i, name := range names {
		script, err := fs.ReadFile(schema, name)
		if err != nil {
			return nil, fmt.Errorf("read schema: %w", err)
		}
		scripts[i] = string(script)
	}
	return scripts, nil
}

// migrate migrates the schema to the newest version, in one transaction. It first copies
// a database that is not empty.
func migrate(ctx context.Context, conn *sql.Conn, o Options) error {
	var version int
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("read schema version of %s: %w", o.Path, err)
	}
	newest := len(o.Migrations)
	switch {
	case newest == 0 || version == newest:
		return nil
	case version > newest:
		return newer(o.Path, version, newest)
	case version > 0:
		if err := copyBefore(ctx, conn, o.Path, version); err != nil {
			return err
		}
	}
	return runMigrations(ctx, conn, o, version)
}

// newer is the error for a database of a newer program.
func newer(path string, version, newest int) error {
	return runwith.Errorf(runwith.FailedPrecondition,
		"%s has schema version %d, and this runwith knows versions up to %d: use the newer runwith that wrote it, or another folder with --data",
		path, version, newest)
}

func runMigrations(ctx context.Context, conn *sql.Conn, o Options, version int) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("migrate %s: %w", o.Path, err)
	}
	defer tx.Rollback()
	scripts := o.Migrations[version:]
	if version == 0 && o.Newest != "" {
		scripts = []string{o.Newest}
	}
	for i, script := range scripts {
		if _, err := tx.ExecContext(ctx, script); err != nil {
			return fmt.Errorf("migrate %s to schema version %d: %w", o.Path, version+i+1, err)
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(o.Migrations))); err != nil {
		return fmt.Errorf("migrate %s: %w", o.Path, err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("migrate %s: %w", o.Path, err)
	}
	return nil
}

// copyBefore makes a copy beside the file, named after its schema version. It replaces a
// copy from an interrupted migration.
func copyBefore(ctx context.Context, conn *sql.Conn, path string, version int) error {
	target := fmt.Sprintf("%s.v%d", path, version)
	if err := os.Remove(target); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("copy %s before its migration: %w", path, err)
	}
	if err := private(target); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "VACUUM INTO ?", target); err != nil {
		return fmt.Errorf("copy %s before its migration: %w", path, err)
	}
	return nil
}
