package sqlite

import (
	"context"
	"fmt"
	"maps"
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
	all := branches(q)
	if len(all) == 1 && len(q.Labels) == 0 {
		query, args := all[0].rows(selectRecord, q)
		return records(tx, query, args...)
	}
	var ids []string
	for _, b := range all {
		query, args := b.ids(q)
		some, err := texts(tx, query, args...)
		if err != nil {
			return nil, err
		}
		ids = append(ids, some...)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	slices.Reverse(ids)
	found := make([]ledger.Record, 0, min(len(ids), q.Limit))
	for _, id := range ids[:min(len(ids), q.Limit)] {
		r, err := scan(tx.QueryRow(selectRecord+` WHERE id = ?`, id))
		if err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	return found, nil
}

// branch is a part of the rows that a query selects, which one index has in the order of
// their IDs.
type branch struct{ owner, job string } // empty: of any

// branches returns the parts of a query: the owner's rows, and the rows of each visible job.
func branches(q store.Query) (all []branch) {
	if q.Visible == nil {
		return []branch{{job: q.Job}}
	}
	if q.Visible.Owner != "" {
		all = append(all, branch{q.Visible.Owner, q.Job})
	}
	for _, job := range q.Visible.Jobs {
		if q.Job == "" || q.Job == job {
			all = append(all, branch{job: job})
		}
	}
	return all
}

// ids returns the statement for the IDs of a branch, newest first.
func (b branch) ids(q store.Query) (query string, args []any) {
	names := slices.Sorted(maps.Keys(q.Labels))
	if len(names) == 0 {
		return b.rows(`SELECT id FROM invocations`, q)
	}
	c := conditions{}
	c.add("l.name = ?", names[0], true)
	c.add("l.value = ?", q.Labels[names[0]], true)
	c.add("l.owner = ?", b.owner, b.owner != "")
	c.add("l.invocation < ?", q.Before, q.Before != "")
	c.add("i.job = ?", b.job, b.job != "")
	c.add("i.state = ?", string(q.State), q.State != "")
	c.add("i.source = ?", q.Source, q.Source != "")
	c.only("i.finished = 0", q.Unfinished)
	for _, name := range names[1:] {
		c.where = append(c.where, "EXISTS (SELECT 1 FROM labels WHERE owner = i.owner AND name = ? AND value = ? AND invocation = i.id)")
		c.args = append(c.args, name, q.Labels[name])
	}
	index := "INDEXED BY labels_by_value"
	if b.owner != "" {
		index = "INDEXED BY sqlite_autoindex_labels_1"
	}
	return `SELECT l.invocation FROM labels AS l ` + index + ` CROSS JOIN invocations AS i ON i.id = l.invocation WHERE ` + c.String() +
		` ORDER BY l.invocation DESC LIMIT ?`, append(c.args, q.Limit)
}

// rows returns the statement for the rows of a branch, newest first, if labels do not matter.
func (b branch) rows(selects string, q store.Query) (query string, args []any) {
	c := conditions{where: []string{"1"}}
	c.add("owner = ?", b.owner, b.owner != "")
	c.add("job = ?", b.job, b.job != "")
	c.add("state = ?", string(q.State), q.State != "")
	c.add("id < ?", q.Before, q.Before != "")
	c.add("source = ?", q.Source, q.Source != "")
	c.only("finished = 0", q.Unfinished)
	switch {
	case q.Source != "" && q.Unfinished:
		c.only("source <> ''", true)
		selects += ` INDEXED BY invocations_unfinished`
	case q.Source != "":
		c.only("source <> ''", true)
		selects += ` INDEXED BY invocations_by_source`
	case b.owner != "" && !slices.Contains(ledger.Active(), q.State):
		selects += ` INDEXED BY invocations_by_owner`
	}
	return selects + ` WHERE ` + c.String() + ` ORDER BY id DESC LIMIT ?`, append(c.args, q.Limit)
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
