package invoker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/sqlite"
)

// find returns an invocation, and NOT_FOUND where there is none.
func (s *store) find(ctx context.Context, id string) (r record, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) (err error) {
		r, err = scan(tx.QueryRow(selectRecord+` WHERE id = ?`, id))
		return err
	})
	switch {
	case errors.Is(err, sqlite.ErrNoRows):
		return record{}, runwith.Errorf(runwith.NotFound, "there is no invocation %q", id)
	case err != nil:
		return record{}, fmt.Errorf("find invocation: %w", err)
	}
	return r, nil
}

// inState returns all invocations in a state, oldest first.
func (s *store) inState(ctx context.Context, state runwith.State) (found []record, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) (err error) {
		found, err = records(tx, selectRecord+` WHERE state = ? ORDER BY id`, state)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %s invocations: %w", state, err)
	}
	return found, nil
}

// list returns up to limit invocations with IDs before the one given, newest
// first. Empty job, state or ID mean any.
func (s *store) list(ctx context.Context, f Filter, before string, limit int) (found []record, err error) {
	where, args := []string{"1"}, []any{}
	for _, condition := range []struct{ sql, value string }{
		{"job = ?", f.Job}, {"state = ?", string(f.State)}, {"id < ?", before},
	} {
		if condition.value != "" {
			where, args = append(where, condition.sql), append(args, condition.value)
		}
	}
	query := selectRecord + ` WHERE ` + strings.Join(where, " AND ") + ` ORDER BY id DESC LIMIT ?`
	err = s.db.Read(ctx, func(tx *sqlite.Tx) (err error) {
		found, err = records(tx, query, append(args, limit)...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list invocations: %w", err)
	}
	return found, nil
}

// nextDue returns when the next invocation that nobody has may be dispatched,
// and false where the queue is empty.
func (s *store) nextDue(ctx context.Context, now time.Time) (due time.Time, found bool, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) error {
		var at int64
		err := tx.QueryRow(`SELECT not_before FROM invocations WHERE state = 'accepted' AND lease_until <= ?
			ORDER BY not_before LIMIT 1`, micros(now)).Scan(&at)
		due = fromMicros(at)
		return err
	})
	switch {
	case errors.Is(err, sqlite.ErrNoRows):
		return time.Time{}, false, nil
	case err != nil:
		return time.Time{}, false, fmt.Errorf("look at the queue: %w", err)
	}
	return due, true, nil
}
