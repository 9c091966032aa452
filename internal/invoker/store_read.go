package invoker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/sqlite"
)

// Find implements [Reads].
func (s *sqliteStore) Find(ctx context.Context, id string) (Record, error) {
	return s.one(ctx, fmt.Sprintf("invocation %q", id), ` WHERE id = ?`, id)
}

// FindKey implements [Reads].
func (s *sqliteStore) FindKey(ctx context.Context, owner, key string) (Record, error) {
	return s.one(ctx, "invocation with this key", ` WHERE owner = ? AND key = ?`, owner, key)
}

func (s *sqliteStore) one(ctx context.Context, what, where string, args ...any) (r Record, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) (err error) {
		r, err = scan(tx.QueryRow(selectRecord+where, args...))
		return err
	})
	switch {
	case errors.Is(err, sqlite.ErrNoRows):
		return Record{}, notFound(what)
	case err != nil:
		return Record{}, fmt.Errorf("find invocation: %w", err)
	}
	return r, nil
}

// List implements [Reads].
func (s *sqliteStore) List(ctx context.Context, f Filter, before string, limit int) (found []Record, err error) {
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

// Outstanding implements [Reads].
func (s *sqliteStore) Outstanding(ctx context.Context) (Outstanding, error) {
	found := Outstanding{}
	err := s.db.Read(ctx, func(tx *sqlite.Tx) error {
		for row, err := range tx.Query(`SELECT state, count(*) FROM invocations INDEXED BY invocations_by_state
			WHERE state IN ('accepted', 'queued', 'starting', 'running', 'unresolved') AND finished = 0 GROUP BY state`) {
			if err != nil {
				return err
			}
			var (
				state runwith.State
				n     int
			)
			if err := row.Scan(&state, &n); err != nil {
				return err
			}
			found[state] = n
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count what has not ended: %w", err)
	}
	return found, nil
}
