package invoker

import (
	"context"
	"errors"
	"fmt"
	"strings"

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

// Waiting implements [Reads].
func (s *sqliteStore) Waiting(ctx context.Context) (n int, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) error {
		return tx.QueryRow(`SELECT (SELECT count(*) FROM invocations INDEXED BY invocations_waiting WHERE ` + isWaiting + `)
			+ (SELECT count(*) FROM invocations WHERE state = 'starting')`).Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("count what waits: %w", err)
	}
	return n, nil
}
