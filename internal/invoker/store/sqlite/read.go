package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/sqlite"
)

// Find implements [store.Store].
func (s *Store) Find(ctx context.Context, id string) (ledger.Record, error) {
	return s.one(ctx, fmt.Sprintf("invocation %q", id), ` WHERE id = ?`, id)
}

// FindKey implements [store.Store].
func (s *Store) FindKey(ctx context.Context, owner, key string) (ledger.Record, error) {
	return s.one(ctx, "invocation with this key", ` WHERE owner = ? AND key = ?`, owner, key)
}

func (s *Store) one(ctx context.Context, what, where string, args ...any) (r ledger.Record, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) (err error) {
		r, err = scan(tx.QueryRow(selectRecord+where, args...))
		return err
	})
	switch {
	case errors.Is(err, sqlite.ErrNoRows):
		return ledger.Record{}, store.NotFound(what)
	case err != nil:
		return ledger.Record{}, fmt.Errorf("find invocation: %w", err)
	}
	return r, nil
}

// countOutstanding counts the rows of each state that have not ended, in the order of the index.
const countOutstanding = `SELECT state, asleep, count(*) FROM invocations INDEXED BY invocations_outstanding
	WHERE finished = 0 AND (` + isWaiting + ` OR ` + isHolding + `) GROUP BY state, asleep`

// Outstanding implements [store.Store].
func (s *Store) Outstanding(ctx context.Context) (store.Outstanding, error) {
	found := store.Outstanding{}
	err := s.db.Read(ctx, func(tx *sqlite.Tx) error {
		for row, err := range tx.Query(countOutstanding) {
			if err != nil {
				return err
			}
			var (
				state  runwith.State
				asleep bool
				n      int
			)
			if err := row.Scan(&state, &asleep, &n); err != nil {
				return err
			}
			if asleep && slices.Contains(ledger.Waiting(), state) {
				state = store.Later
			}
			found[state] += n
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count the outstanding invocations: %w", err)
	}
	return found, nil
}

// OldestWaiting implements [store.Store].
func (s *Store) OldestWaiting(ctx context.Context) (time.Time, error) {
	var firsts strings.Builder
	for _, state := range ledger.Waiting() {
		fmt.Fprintf(&firsts, `SELECT (SELECT created FROM invocations INDEXED BY invocations_by_state
			WHERE state = '%s' AND start_at = 0 ORDER BY id LIMIT 1) AS since UNION ALL `, state)
	}
	var since *int64
	err := s.db.Read(ctx, func(tx *sqlite.Tx) error {
		return tx.QueryRow(`SELECT min(since) FROM (` + firsts.String() + `
			SELECT min(max(created, start_at)) FROM invocations INDEXED BY invocations_later WHERE asleep = 0 AND ` + isLater + `)`).Scan(&since)
	})
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("look for the oldest waiting invocation: %w", err)
	case since == nil:
		return time.Time{}, nil
	}
	return fromMicros(*since), nil
}
