package sqlite

import (
	"maps"
	"slices"

	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/sqlite"
)

// fewRows is the number of rows up to which a list counts what each of its filters selects. It then
// reads the rows of a filter that selects fewer.
const fewRows = 1000

// ids returns the newest IDs of a branch.
func (b branch) ids(tx *sqlite.Tx, q store.Query) ([]string, error) {
	query, args := b.rows(`SELECT id FROM invocations`, q)
	if len(q.Labels) > 0 {
		name, err := b.rarest(tx, q)
		if err != nil {
			return nil, err
		}
		if name != "" {
			query, args = b.labelled(name, q)
		}
	}
	return texts(tx, query, args...)
}

// rarest returns the label whose rows are to be read. It is empty if the other filters of the
// branch select fewer rows than any label.
func (b branch) rarest(tx *sqlite.Tx, q store.Query) (rarest string, err error) {
	names := slices.Sorted(maps.Keys(q.Labels))
	rarest, fewest := names[0], fewRows
	fewer := func(query string, args []any) (fewer bool, err error) {
		var n int
		err = tx.QueryRow(`SELECT count(*) FROM (`+query+`)`, args...).Scan(&n)
		fewer = n < fewest
		fewest = min(n, fewest)
		return fewer, err
	}
	for _, name := range names {
		c, from := b.label(name, q)
		is, err := fewer(`SELECT 1 FROM `+from+` WHERE `+c.String()+` LIMIT ?`, append(c.args, fewest))
		if err != nil {
			return "", err
		}
		if is {
			rarest = name
		}
	}
	if b.index(q) == "" {
		return rarest, nil // it has all rows
	}
	q.Labels, q.Limit = nil, fewest
	is, err := fewer(b.rows(`SELECT 1 FROM invocations`, q))
	if is {
		rarest = ""
	}
	return rarest, err
}

// labelled returns the statement for the IDs of a branch that reads the rows of a label, newest first.
func (b branch) labelled(name string, q store.Query) (query string, args []any) {
	c, from := b.label(name, q)
	b.limit(&c, q)
	others := maps.Clone(q.Labels)
	delete(others, name)
	c.labelled("i", others)
	return `SELECT l.invocation FROM ` + from + ` CROSS JOIN invocations AS i ON i.id = l.invocation WHERE ` + c.String() +
		` ORDER BY l.invocation DESC LIMIT ?`, append(c.args, q.Limit)
}

// label returns the rows of a label.
func (b branch) label(name string, q store.Query) (c conditions, from string) {
	c.add("l.name = ?", name, true)
	c.add("l.value = ?", q.Labels[name], true)
	c.add("l.owner = ?", b.owner, b.owner != "")
	c.add("l.invocation > ?", q.After, q.After != "")
	c.add("l.invocation < ?", q.Before, q.Before != "")
	if b.owner != "" {
		return c, "labels AS l INDEXED BY sqlite_autoindex_labels_1"
	}
	return c, "labels AS l INDEXED BY labels_by_value"
}

// labelled adds the condition that rows have some labels.
func (c *conditions) labelled(table string, labels map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		c.where = append(c.where, "EXISTS (SELECT 1 FROM labels WHERE owner = "+table+".owner AND name = ? AND value = ? AND invocation = "+table+".id)")
		c.args = append(c.args, name, labels[name])
	}
}
