package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/runwith/runwith"
)

// ErrDamaged is for callers of [DB.Read] and [DB.Write] that read an impossible value.
// [DB.Read] and [DB.Write] then return the error about a damaged file.
var ErrDamaged = errors.New("the stored value is damaged")

// checkTimeout is how long Open checks a database that was not closed. SQLite detects
// damage in the rest when it reads it.
const checkTimeout = time.Second

// damagedFile is the error for a damaged database.
func damagedFile(code runwith.Code, path string, why error) error {
	return &runwith.Error{Code: code, Err: why, Message: fmt.Sprintf(
		"%s is damaged or not a database (%s): restore a backup into another folder (runwith restore), or choose one with --data", path, legible(why))}
}

// legible returns the text of an error, which may repeat bytes of a damaged file.
func legible(err error) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, err.Error())
}

// damaged reports whether err means that a file is not a database, or corrupt.
func damaged(err error) bool {
	if errors.Is(err, ErrDamaged) {
		return true
	}
	e, ok := errors.AsType[*driver.Error](err)
	if !ok {
		return false
	}
	switch e.Code() {
	case sqlite3.SQLITE_READONLY, // the header calls for a newer SQLite
		sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_CORRUPTFS:
		return true
	}
	return e.Code()&0xff == sqlite3.SQLITE_NOTADB || e.Code()&0xff == sqlite3.SQLITE_CORRUPT
}

// unreadable reports whether err means that SQLite cannot even begin to read a file.
func unreadable(err error) bool {
	e, ok := errors.AsType[*driver.Error](err)
	return damaged(err) || ok && slices.Contains([]int{sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CANTOPEN}, e.Code()&0xff)
}

// checked returns err, except that it explains a damaged file, and keeps that for Ready.
func (db *DB) checked(err error) error {
	if err == nil || !damaged(err) {
		return err
	}
	err = damagedFile(runwith.DataLoss, db.path, err)
	db.broken.CompareAndSwap(nil, &err)
	return err
}

// inspect looks at the files of a database before SQLite opens them, because SQLite takes
// an empty file for a new database, and drops its WAL. It reports whether the database was
// closed and is as it was then.
func inspect(path string) (intact bool, err error) {
	wal, err := size(path + "-wal")
	if err != nil {
		return false, err
	}
	length, err := size(path)
	switch {
	case err != nil:
		return false, err
	case length < 0 && wal <= 0:
		return true, nil // new
	case length < 0:
		return false, errors.New("the file is missing, and only its WAL is there")
	case length == 0:
		return false, errors.New("the file is empty")
	case wal > 0:
		return false, inspectWAL(path+"-wal", path+"-shm")
	}
	if indexOf(path + "-shm").lost() {
		return false, errors.New("its WAL is missing")
	}
	return sumMatches(path)
}

// size returns the size of a file, or -1 if it does not exist.
func size(path string) (int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// check checks a whole database, as far as there is time, and that it has the tables of
// the schema.
func check(ctx context.Context, conn *sql.Conn, o Options) error {
	err := checkContent(ctx, conn, checkTimeout)
	if err != nil || len(o.Migrations) == 0 {
		return err
	}
	return checkSchema(ctx, conn, o)
}

func checkContent(ctx context.Context, conn *sql.Conn, limit time.Duration) error {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var found string
	err := conn.QueryRowContext(bounded, "PRAGMA integrity_check(1)").Scan(&found)
	switch {
	case err != nil && bounded.Err() != nil:
		return ctx.Err()
	case err == nil && found != "ok":
		return fmt.Errorf("%w: %s", ErrDamaged, found)
	}
	return err
}

// checkSchema compares the tables, their columns and the indexes with those of a new
// database.
func checkSchema(ctx context.Context, conn *sql.Conn, o Options) error {
	pool, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return err
	}
	defer pool.Close()
	fresh, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer fresh.Close()
	if err := runMigrations(ctx, fresh, o, 0); err != nil {
		return err
	}
	want, err := schemaOf(ctx, fresh)
	if err != nil {
		return err
	}
	got, err := schemaOf(ctx, conn)
	if err != nil {
		return err
	}
	for _, item := range want {
		if !slices.Contains(got, item) {
			return fmt.Errorf("%w: %s is missing", ErrDamaged, item)
		}
	}
	return nil
}

// schemaOf describes the items of a schema.
func schemaOf(ctx context.Context, conn *sql.Conn) (items []string, err error) {
	rows, err := conn.QueryContext(ctx, `SELECT m.type || ' ' || m.name || ' of ' || m.tbl_name || coalesce(', column ' || c.name || ' ' || c.type, '')
		FROM sqlite_master m LEFT JOIN pragma_table_info(m.name) c ON m.type = 'table' ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var item string
		if err := rows.Scan(&item); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		items = append(items, item)
	}
	return items, rows.Err()
}
