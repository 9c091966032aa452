package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/sqlite"
)

// List implements [store.Store].
func (s *Store) List(ctx context.Context, q store.Query) (found []ledger.Record, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) (err error) {
		found, err = list(tx, q)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list invocations: %w", err)
	}
	return found, nil
}

// list reads the newest IDs of each branch, and then the rows of the newest of them all.
func list(tx *sqlite.Tx, q store.Query) ([]ledger.Record, error) {
	all, err := branches(tx, q)
	if err != nil {
		return nil, err
	}
	if len(all) == 1 && len(q.Labels) == 0 {
		query, args := all[0].rows(selectRecord, q)
		return records(tx, query, args...)
	}
	ids, err := newest(tx, all, q)
	if err != nil {
		return nil, err
	}
	found := make([]ledger.Record, len(ids))
	for n, id := range ids {
		if found[n], err = scan(tx.QueryRow(selectRecord+` WHERE id = ?`, id)); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// newest returns the newest IDs in any of the branches. It reads no further in a branch than to the
// oldest of as many IDs as it needs.
func newest(tx *sqlite.Tx, all []branch, q store.Query) (ids []string, err error) {
	for _, b := range all {
		some, err := b.ids(tx, q)
		if err != nil {
			return nil, err
		}
		ids = append(ids, some...)
		slices.Sort(ids)
		ids = slices.Compact(ids)
		slices.Reverse(ids)
		if n := q.Limit; n > 0 && len(ids) >= n {
			ids, q.After = ids[:n], ids[n-1]
		}
	}
	return ids, nil
}

// conditions are the conditions of a statement and their arguments.
type conditions struct {
	where []string
	args  []any
}

// add adds a condition, if it applies.
func (c *conditions) add(sql, value string, applies bool) {
	if applies {
		c.where, c.args = append(c.where, sql), append(c.args, value)
	}
}

// only adds a condition without an argument, if it applies.
func (c *conditions) only(sql string, applies bool) {
	if applies {
		c.where = append(c.where, sql)
	}
}

func (c *conditions) String() string { return strings.Join(c.where, " AND ") }
