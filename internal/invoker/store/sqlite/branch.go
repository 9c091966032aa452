package sqlite

import (
	"maps"
	"slices"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/sqlite"
)

// branch is a part of the rows that a query selects, which one index has in the order of
// their IDs. Empty fields match any.
type branch struct {
	owner, job string
	state      runwith.State
	source     string
}

// branches returns the parts of a query: the owner's rows and the rows of each visible job, of
// each state and of each source.
func branches(tx *sqlite.Tx, q store.Query) ([]branch, error) {
	sources := []string{q.Source}
	if ledger.EverySource(q.Source) {
		var err error
		if sources, err = sourcesOf(tx, q.Source); err != nil {
			return nil, err
		}
	}
	states := q.States
	if len(states) == 0 {
		states = []runwith.State{""}
	}
	var all []branch
	for _, b := range visible(q) {
		for _, b.state = range states {
			for _, b.source = range sources {
				all = append(all, b)
			}
		}
	}
	return all, nil
}

// visible returns the parts of a query that may be seen.
func visible(q store.Query) (all []branch) {
	if q.Visible == nil {
		return []branch{{owner: q.Owner, job: q.Job}}
	}
	if own := q.Visible.Owner; own != "" && (q.Owner == "" || q.Owner == own) {
		all = append(all, branch{owner: own, job: q.Job})
	}
	for _, job := range q.Visible.Jobs {
		if q.Job == "" || q.Job == job {
			all = append(all, branch{owner: q.Owner, job: job})
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
	c.add("l.invocation > ?", q.After, q.After != "")
	c.add("l.invocation < ?", q.Before, q.Before != "")
	b.limit(&c, q)
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
	c.add("id > ?", q.After, q.After != "")
	c.add("id < ?", q.Before, q.Before != "")
	b.limit(&c, q)
	return selects + ` ` + b.index(q) + ` WHERE ` + c.String() + ` ORDER BY id DESC LIMIT ?`, append(c.args, q.Limit)
}

// limit adds the conditions on the columns of invocations that no other table has.
func (b branch) limit(c *conditions, q store.Query) {
	c.add("job = ?", b.job, b.job != "")
	c.add("state = ?", string(b.state), b.state != "")
	c.add("source = ?", b.source, b.source != "")
	c.only("source <> ''", b.source != "") // a condition of its indexes
	c.add("rerun_of = ?", q.RerunOf, q.RerunOf != "")
	c.only("rerun_of <> ''", q.RerunOf != "")
	c.only("finished = 0", q.Unfinished)
}

// index returns the index to read, or nothing if SQLite chooses well.
func (b branch) index(q store.Query) string {
	switch {
	case q.RerunOf != "":
		return "INDEXED BY invocations_by_rerun"
	case b.source != "" && q.Unfinished:
		return "INDEXED BY invocations_unfinished"
	case b.source != "":
		return "INDEXED BY invocations_by_source"
	case b.owner != "" && !slices.Contains(ledger.Active(), b.state):
		return "INDEXED BY invocations_by_owner"
	}
	return ""
}
