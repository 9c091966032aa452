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

// Backup writes a consistent copy of the database file at path to target, which must not
// exist. It takes no lock, so the process that holds the database continues to read and
// write. Backup does not sync the copy; a caller that needs durability must do so. After
// an error target does not exist.
//
// If path does not exist, the error is [os.ErrNotExist].
func Backup(ctx context.Context, path, target string) (err error) {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("back up database: %w", err) // the driver's error would hide the cause
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

// readOnly returns the driver's name for opening a file read-only.
func readOnly(path string) string {
	query := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(10000)"}}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}).String()
}
