package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/durablefile"
)

// MovedSuffix ends the name of the file beside a database that says where the store has moved. Two
// stores with the same work would start it twice, so [Open] refuses the older one.
const MovedSuffix = ".moved"

// OpenToMove opens an existing store that is to move. It does so even if the store has moved to the
// same place already: an earlier copy may not have come to its end.
func OpenToMove(ctx context.Context, path, where string) (*Store, error) {
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return nil, &runwith.Error{Code: runwith.NotFound, Err: err, Message: "there is no database file " + path}
	}
	if before, err := movedTo(path); before != where {
		if err = cmp.Or(err, refuseMoved(path)); err != nil {
			return nil, err
		}
	}
	return open(ctx, path)
}

// Moved records that the store has moved, so that no process opens it again. where names the new
// store, for people.
func (s *Store) Moved(where string) error {
	if err := durablefile.Write(s.path+MovedSuffix, []byte(where+"\n"), 0o600); err != nil {
		return fmt.Errorf("mark the store as moved: %w", err)
	}
	return nil
}

// NotMoved takes back what Moved has recorded.
func (s *Store) NotMoved() error {
	if err := os.Remove(s.path + MovedSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the mark of a moved store: %w", err)
	}
	return nil
}

// refuseMoved returns why a store is not opened: it has moved.
func refuseMoved(path string) error {
	where, err := movedTo(path)
	if where == "" {
		return err
	}
	return runwith.Errorf(runwith.FailedPrecondition, "%s has moved to %s, and both together would start the same work twice: "+
		"serve that one with --store, or remove %s if the copy was never completed", path, where, path+MovedSuffix)
}

// movedTo returns where a store has moved; empty: it has not.
func movedTo(path string) (where string, err error) {
	text, err := os.ReadFile(path + MovedSuffix)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("open the store: %w", err)
	}
	return cmp.Or(strings.TrimSpace(string(text)), "another store"), nil
}
