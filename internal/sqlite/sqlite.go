// Package sqlite opens the embedded databases of the engine and the invoker. It
// knows how to keep a file safe and fast, and nothing of what is in it: each
// product keeps its SQL beside its state machine.
//
//   - One process holds a file: a lock file beside it says so.
//   - WAL with synchronous=FULL: what [DB.Write] has returned is on disk.
//   - Group commit: one writer joins waiting writes into one transaction, each
//     in a savepoint of its own, so that they share a sync and not their fate.
//   - Migrations are numbered, run in one transaction, and start with a copy.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/gofrs/flock"
	_ "modernc.org/sqlite" // the driver, without cgo

	"github.com/runwith/runwith"
)

// Options say what to open.
type Options struct {
	// Path of the database file. Its folder is created with mode 0700.
	Path string
	// Migrations are the SQL scripts that make the schema. Script i takes a
	// database from version i to i+1; a released script never changes. Without any, a
	// file is taken with the schema that it has.
	Migrations []string
}

// DB is an open database. Its methods may be called concurrently.
type DB struct {
	path    string
	lock    io.Closer
	pool    *sql.DB // opens connections, for the readers and the writer
	readers *readers
	writer  *writer
	reads   atomic.Uint64
	closing sync.Once
	closed  error
}

// Open opens the database, creating it where it does not exist, and brings its
// schema up to date. The caller closes it.
//
// Errors that a user can mend are a [runwith.Error] with FAILED_PRECONDITION:
// another process holds the file, it is damaged, or its schema is newer than this
// program.
func Open(ctx context.Context, o Options) (_ *DB, err error) {
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o700); err != nil {
		return nil, fmt.Errorf("create data folder: %w", err)
	}
	lock, err := Hold(o.Path)
	if err != nil {
		return nil, err
	}
	db := &DB{path: o.Path, lock: lock}
	defer func() {
		if err != nil {
			_ = db.Close()
		}
	}()
	if err := private(o.Path); err != nil {
		return nil, err
	}
	if db.pool, err = sql.Open("sqlite", dsn(o.Path)); err != nil {
		return nil, fmt.Errorf("open %s: %w", o.Path, err)
	}
	conn, err := db.pool.Conn(ctx)
	switch {
	case damaged(err):
		return nil, &runwith.Error{Code: runwith.FailedPrecondition, Err: err, Message: fmt.Sprintf(
			"%s is damaged, or no database: restore a backup into another folder (runwith restore), or choose one with --data", o.Path)}
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", o.Path, err)
	}
	if err := migrate(ctx, conn, o); err != nil {
		_ = conn.Close()
		return nil, err
	}
	db.readers = newReaders(db.pool)
	db.writer = startWriter(o.Path, conn)
	return db, nil
}

// Close waits for the writes that were accepted, and closes the database. What
// comes later is told UNAVAILABLE. A second Close returns what the first did.
func (db *DB) Close() error {
	db.closing.Do(func() { db.closed = db.close() })
	return db.closed
}

func (db *DB) close() error {
	var errs []error
	if db.writer != nil {
		errs = append(errs, db.writer.close())
	}
	if db.readers != nil {
		errs = append(errs, db.readers.close())
	}
	if db.pool != nil {
		errs = append(errs, db.pool.Close())
	}
	return errors.Join(append(errs, db.lock.Close())...)
}

// Write runs f in a transaction and returns when that is on disk. Writes that
// wait at the same time share one commit; an error of f undoes f's own changes
// alone, and is returned as it is. A full disk undoes all of them, and is
// RESOURCE_EXHAUSTED. f must use nothing but tx, and must not block.
//
// A ctx that ends before f has begun returns its error; after that it is no
// longer asked, so that the answer is always the truth about the disk.
func (db *DB) Write(ctx context.Context, f func(tx *Tx) error) error {
	return db.writer.write(ctx, f)
}

// Read runs f on one snapshot of the database. f must not write.
func (db *DB) Read(ctx context.Context, f func(tx *Tx) error) error {
	db.reads.Add(1)
	return db.readers.read(ctx, f)
}

// Reads returns how often Read was called: what is served from memory does not count.
func (db *DB) Reads() uint64 { return db.reads.Load() }

// Version changes with what is written, and before Write returns: what was read since
// it was this one is still so while it is. While a commit goes on there is none.
func (db *DB) Version() (version uint64, ok bool) {
	version = db.writer.version.Load()
	return version, version%2 == 0
}

// Hold takes the lock file beside path, which keeps every other process out of what
// is there until the lock is closed. That another one has it is a [runwith.Error]
// with FAILED_PRECONDITION. Its folder is there.
func Hold(path string) (io.Closer, error) {
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	held, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if !held {
		return nil, runwith.Errorf(runwith.FailedPrecondition,
			"%s is held by another runwith process: stop that one, or choose another folder with --data", path)
	}
	return lock, nil
}

// private makes sure that the file is there and readable by its owner alone,
// which its WAL inherits.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	return f.Close()
}

// dsn sets the pragmas in the name, because they belong to each connection.
func dsn(path string) string {
	query := url.Values{"_pragma": {
		"journal_mode(WAL)",
		"synchronous(FULL)",
		"fullfsync(1)", // macOS: without it a sync does not reach the disk
		"busy_timeout(10000)",
		"foreign_keys(1)",
	}}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}).String()
}
