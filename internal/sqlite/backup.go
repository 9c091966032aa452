package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/runwith/runwith"
)

// Backup writes a copy of the database file at path, as it stands at one moment,
// to target, which must not exist. It needs no lock: the process that holds the
// database goes on reading and writing. The copy is not synced; the caller does
// that where it is to last. After an error there is no target.
//
// A path that does not exist is [os.ErrNotExist].
func Backup(ctx context.Context, path, target string) (err error) {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("back up database: %w", err) // the driver would not say which error it is
	}
	file, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("back up %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(target))
		}
	}()
	if err := file.Close(); err != nil {
		return fmt.Errorf("back up %s: %w", path, err)
	}
	db, err := sql.Open("sqlite", readOnly(path))
	if err != nil {
		return fmt.Errorf("back up %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", target); err != nil {
		if full(err) {
			return &runwith.Error{Code: runwith.ResourceExhausted, Err: err,
				Message: fmt.Sprintf("the disk is full: the copy of %s needs as much room as that file", path)}
		}
		return fmt.Errorf("back up %s: %w", path, err)
	}
	return nil
}

// readOnly is the name by which the driver opens a file that it must not change.
func readOnly(path string) string {
	query := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(10000)"}}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}).String()
}
