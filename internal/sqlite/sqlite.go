// Package sqlite opens the embedded databases of the engine and the invoker. It keeps
// a file safe and fast, and contains no SQL of either product.
//
//   - A lock file ensures that only one process uses a database.
//   - WAL with synchronous=FULL ensures that a write is on disk when [DB.Write] returns.
//   - Group commit: one writer joins waiting writes into one transaction, each in its
//     own savepoint, so that they share a sync but not their errors.
//   - A reserve on the disk lets changes succeed when the disk is full; see [DB.Add].
//   - Migrations are numbered, run in one transaction, and begin with a copy.
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
	"time"

	"github.com/gofrs/flock"
	_ "modernc.org/sqlite" // the driver, without cgo

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/disk"
)

// holdTimeout is how long [Hold] waits for the lock file.
const holdTimeout = 500 * time.Millisecond

// pageSize is SQLite's default.
const pageSize = 4096

// Options configure [Open].
type Options struct {
	// Path is the database file. Open creates its folder with mode 0700.
	Path string
	// Migrations are the SQL scripts that build the schema. Script i migrates a
	// database from version i to i+1. A released script never changes. Without
	// scripts, Open accepts any schema.
	Migrations []string
	// Newest builds the schema of all migrations at once, in a new database. It saves
	// time. If it is empty, the migrations build the schema.
	Newest string
}

// DB is an open database. Its methods may be called concurrently.
type DB struct {
	path    string
	lock    io.Closer
	reserve *disk.Reserve
	pool    *sql.DB // opens connections, for the readers and the writer
	readers *readers
	writer  *writer
	reads   atomic.Uint64
	broken  atomic.Pointer[error] // that the file is damaged; nil unless that was found
	closing sync.Once
	closed  error
}

// Open opens the database, creates it if it does not exist, and migrates its schema to
// the newest version. The caller must close it.
//
// The error is a [runwith.Error] with FAILED_PRECONDITION if the user can fix it:
// another process holds the file, the file is damaged, or its schema is newer than this
// program.
func Open(ctx context.Context, o Options) (_ *DB, err error) {
	// The driver takes a URI, and the first part of a relative path would be its host.
	if o.Path, err = filepath.Abs(o.Path); err != nil {
		return nil, fmt.Errorf("find data folder: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o700); err != nil {
		return nil, fmt.Errorf("create data folder: %w", err)
	}
	lock, err := Hold(o.Path)
	if err != nil {
		return nil, err
	}
	db := &DB{path: o.Path, lock: lock, reserve: MakeRoom(o.Path)}
	defer func() {
		if err != nil {
			_ = db.Close()
		}
	}()
	intact, err := inspect(o.Path)
	if err != nil {
		return nil, damagedFile(runwith.FailedPrecondition, o.Path, err)
	}
	if err := errors.Join(dropSum(o.Path), createIfMissing(ctx, o)); err != nil {
		return nil, err
	}
	if db.pool, err = sql.Open("sqlite", dsn(o.Path, durable...)); err != nil {
		return nil, fmt.Errorf("open %s: %w", o.Path, err)
	}
	conn, err := openChecked(ctx, db.pool, o, intact)
	if err != nil {
		return nil, err
	}
	// What a checkpoint adds to the database must fit into the reserve. SQLite's own limit
	// is 1,000 pages, which fits into a reserve of the usual size.
	pages := min(1000, max(16, db.reserve.Size()/(2*pageSize)))
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA wal_autocheckpoint = %d", pages)); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("open %s: %w", o.Path, err)
	}
	db.readers = newReaders(db.pool)
	db.writer = startWriter(o.Path, conn, db.reserve)
	return db, nil
}

// openChecked opens the writer's connection and migrates the schema. It checks the content
// of a database that was not closed.
func openChecked(ctx context.Context, pool *sql.DB, o Options, intact bool) (_ *sql.Conn, err error) {
	conn, err := pool.Conn(ctx)
	switch {
	case err == nil:
	case unreadable(err):
		return nil, damagedFile(runwith.FailedPrecondition, o.Path, err)
	default:
		return nil, fmt.Errorf("open %s: %w", o.Path, err)
	}
	err = migrate(ctx, conn, o)
	if err == nil && !intact {
		err = check(ctx, conn, o)
	}
	if damaged(err) {
		err = damagedFile(runwith.FailedPrecondition, o.Path, err)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// Close waits for accepted writes and closes the database. Later calls fail with
// UNAVAILABLE. A second Close returns the result of the first.
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
	if db.writer != nil && db.broken.Load() == nil && errors.Join(errs...) == nil {
		_ = saveSum(db.path) // without one, the next Open checks the content
	}
	return errors.Join(append(errs, db.lock.Close())...)
}

// Write runs f in a transaction and returns when the transaction is on disk. Waiting
// writes share one commit. If f returns an error, Write undoes only f's changes and
// returns the error unchanged. f must not use the database except through tx, and must
// not block.
//
// If the disk is full, Write spends the reserve and calls f again. If that does not help,
// all writes of the commit are undone, and the error is RESOURCE_EXHAUSTED.
//
// If ctx ends before f begins, Write returns its error. Later it ignores ctx, so that
// the result always matches the disk.
func (db *DB) Write(ctx context.Context, f func(tx *Tx) error) error {
	return db.checked(db.writer.write(&pending{ctx: ctx, f: f}))
}

// Add is Write for new work. While the disk is almost full, it returns RESOURCE_EXHAUSTED,
// which leaves the free space to the changes of Write. It calls f at most once.
func (db *DB) Add(ctx context.Context, f func(tx *Tx) error) error {
	if err := db.reserve.Check(); err != nil {
		return err
	}
	return db.checked(db.writer.write(&pending{ctx: ctx, f: f, adds: true}))
}

// Ready returns why the database takes no new work: the file is damaged, or the disk is
// almost full.
func (db *DB) Ready() error {
	if broken := db.broken.Load(); broken != nil {
		return *broken
	}
	return db.reserve.Check()
}

// Read runs f on one snapshot of the database. f must not write. Reads run
// concurrently.
func (db *DB) Read(ctx context.Context, f func(tx *Tx) error) error {
	db.reads.Add(1)
	return db.checked(db.readers.read(ctx, f))
}

// Reads returns the number of calls of Read, for tests of caches.
func (db *DB) Reads() uint64 { return db.reads.Load() }

// Statements returns the statements that were used so far, in no order, for tests of their
// plans.
func (db *DB) Statements() []string {
	return append(db.writer.cache.texts(), db.readers.texts()...)
}

// Version returns a number that changes with every commit, before Write returns. A value
// read at a version is current as long as Version returns the same number. During a
// commit ok is false.
func (db *DB) Version() (version uint64, ok bool) {
	version = db.writer.version.Load()
	return version, version%2 == 0
}

// Hold takes the lock file of path, which keeps other processes out until the caller
// closes the lock. If another process holds it, the error is a [runwith.Error] with
// FAILED_PRECONDITION. The folder of path must exist.
//
// It tries for holdTimeout, because the lock of a crashed process lasts until its last
// child has executed: a child that is being started has the open lock file for a moment.
func Hold(path string) (io.Closer, error) {
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(context.Background(), holdTimeout)
	defer cancel()
	held, err := lock.TryLockContext(ctx, holdTimeout/50)
	if err != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if !held {
		return nil, runwith.Errorf(runwith.FailedPrecondition,
			"%s is in use by another runwith process: stop that process, or choose another folder with --data", path)
	}
	return lock, nil
}

// reserveSuffix names a database's reserve, beside its file.
const reserveSuffix = ".reserve"

// MakeRoom spends the reserve of a database if the disk is full, so that what opens before
// the database finds room. [Open] does the same for the database, and fills the reserve
// when there is room.
func MakeRoom(path string) *disk.Reserve { return disk.OpenReserve(path + reserveSuffix) }

// private creates the file if needed, readable only by its owner. The WAL inherits the
// mode.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	return f.Close()
}

// durable are the pragmas of each connection of an open database.
var durable = []string{
	"journal_mode(WAL)",
	"synchronous(FULL)",
	"fullfsync(1)", // macOS: without it a sync does not reach the disk
	"busy_timeout(10000)",
	"foreign_keys(1)",
}

// dsn returns the driver's name for the file. It includes the pragmas, because they
// apply to each connection.
func dsn(path string, pragmas ...string) string {
	query := url.Values{"_pragma": pragmas}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}).String()
}
