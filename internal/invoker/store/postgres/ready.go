package postgres

import (
	"context"
	"time"

	"github.com/runwith/runwith"
)

// readyTimeout bounds the question whether the database takes anything.
const readyTimeout = 3 * time.Second

// fullFor is how long a write that failed on a full disk counts. Not every write needs room, so one
// that succeeds proves nothing.
const fullFor = 10 * time.Second

// Ready returns why the store takes no new invocations: the database is away or read-only, its disk
// was full a moment ago, or its schema is newer than this program.
func (s *Store) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	var (
		replica, readOnly bool
		v                 Version
	)
	err := s.pool.QueryRow(ctx, `SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on', version, oldest FROM schema_version`).
		Scan(&replica, &readOnly, &v.Schema, &v.Oldest)
	switch {
	case code(err) == undefinedTable:
		return Version{}.Fits()
	case err != nil:
		return s.failed("ask the database", err)
	case replica:
		return runwith.Errorf(runwith.Unavailable, "the database is a replica, which is read-only: name the primary database in --store")
	case readOnly:
		return runwith.Errorf(runwith.Unavailable, "the database is read-only: look for what has set default_transaction_read_only")
	}
	if full := s.full.Load(); full != nil && time.Since(*full) < fullFor {
		return runwith.Errorf(runwith.Unavailable, "%s: make room on it", reasons[diskFull])
	}
	return v.Fits()
}
