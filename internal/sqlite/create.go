package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
)

// newSuffix names a database that is being created, beside its file.
const newSuffix = ".new"

// createIfMissing creates a database unless there is a file.
func createIfMissing(ctx context.Context, o Options) error {
	if length, err := size(o.Path); err != nil || length >= 0 {
		return err
	}
	return create(ctx, o)
}

// create creates a database with the newest schema. It builds the database under another
// name, so that a crash leaves no unfinished one, and syncs it once instead of after each
// step. The sync of the first commit, which adds the WAL to the same folder, makes the
// renaming durable.
func create(ctx context.Context, o Options) (err error) {
	path := o.Path
	o.Path += newSuffix
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("create %s: %w", path, err), discard(o.Path))
		}
	}()
	if err := discard(o.Path); err != nil { // of a crash
		return err
	}
	if err := private(o.Path); err != nil {
		return err
	}
	if err := build(ctx, o); err != nil {
		return err
	}
	if err := syncFile(o.Path); err != nil {
		return err
	}
	return os.Rename(o.Path, path)
}

// build writes the schema into an empty file, without a sync and without other files.
func build(ctx context.Context, o Options) (err error) {
	pool, err := sql.Open("sqlite", dsn(o.Path, "journal_mode(MEMORY)", "synchronous(OFF)"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := migrate(ctx, conn, o); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "PRAGMA journal_mode = WAL") // the file keeps this mode
	return err
}

// discard removes a database.
func discard(path string) error {
	for _, file := range []string{path, path + "-wal", path + "-shm", path + "-journal"} {
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
