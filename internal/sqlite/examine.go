package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/runwith/runwith"
)

// ErrInUse means that another process has a database open.
var ErrInUse = errors.New("another runwith process uses it")

// Examine opens a database as [Open] does, but migrates nothing and creates no file. It
// describes what it found. The error is [fs.ErrNotExist] if there is no database, ErrInUse
// if another process has it, and else why Open would fail.
func Examine(ctx context.Context, o Options) (found string, err error) {
	if _, err := os.Stat(o.Path); errors.Is(err, fs.ErrNotExist) {
		return "", fs.ErrNotExist
	}
	lock, err := Hold(o.Path)
	if err != nil {
		if runwith.CodeOf(err) == runwith.FailedPrecondition {
			return "", ErrInUse
		}
		return "", err
	}
	if err := lock.Close(); err != nil { // Open takes it
		return "", err
	}
	db, err := Open(ctx, Options{Path: o.Path})
	if err != nil {
		return "", err
	}
	defer db.Close()
	if err := db.Ready(); err != nil {
		return "", err
	}
	var version int
	err = db.Read(ctx, func(tx *Tx) error { return tx.QueryRow("PRAGMA user_version").Scan(&version) })
	switch newest := len(o.Migrations); {
	case err != nil:
		return "", err
	case version > newest:
		return "", newer(o.Path, version, newest)
	case version < newest:
		return fmt.Sprintf("schema version %d, which the next start migrates to %d", version, newest), nil
	}
	return fmt.Sprintf("schema version %d", version), nil
}
