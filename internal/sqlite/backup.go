package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

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
	if _, err := inspectCopy(path); err != nil {
		return damagedFile(runwith.DataLoss, path, err)
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
		if unreadable(err) {
			return damagedFile(runwith.DataLoss, path, err)
		}
		return fmt.Errorf("back up %s: %w", path, err)
	}
	return nil
}

// inspectCopy is inspect for a database that a server may use: then its WAL changes.
func inspectCopy(path string) (intact bool, err error) {
	lock := flock.New(path+".lock", flock.SetFlag(os.O_RDONLY))
	if unused, err := lock.TryLock(); err == nil && unused {
		defer lock.Close()
		return inspect(path)
	}
	length, err := size(path)
	if err != nil {
		return false, err
	}
	if length == 0 {
		return false, errors.New("the file is empty")
	}
	intact, err = sumMatches(path)
	if sum, missing := size(path + sumSuffix); sum < 0 && missing == nil {
		return false, nil // a server has opened it meanwhile
	}
	return intact, err
}

// readOnly returns the driver's name for opening a file read-only.
func readOnly(path string) string {
	query := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(10000)"}}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}).String()
}
