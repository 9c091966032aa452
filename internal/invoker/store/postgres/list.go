package postgres

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// greatest is greater than all texts that are compared by their bytes.
const greatest = "\U0010FFFF"

// List implements [store.Store].
func (s *Store) List(ctx context.Context, q store.Query) (found []ledger.Record, err error) {
	err = s.ask(ctx, "list invocations", func(t tx) error {
		label, err := rarest(t, q)
		if err != nil {
			return err
		}
		query, args := listBy(q, label)
		found, err = records(t, query, args...)
		return err
	})
	return found, err
}

// listBy returns the statement for invocations, newest first. It reads the rows of a label, or
// without one those of the other filters.
func listBy(q store.Query, label string) (query string, args []any) {
	keys, args := listKeys(q, label)
	return selectRecord + ` WHERE id = ANY (ARRAY(` + keys + `)) ORDER BY id DESC`, args
}

// listKeys returns the query for the IDs of invocations. It reads the parts of the list that one
// index has in the order of the page, each as far as the page may need.
func listKeys(q store.Query, label string) (query string, args []any) {
	before := q.Before
	if before == "" {
		before = greatest
	}
	args = []any{before, q.After, q.Limit}
	var all []string
	for _, b := range branches(q) {
		p := page{conditions: conditions{args: args}, before: "$1", after: "$2", bound: "$3"}
		if label != "" {
			p.ofLabel(b, q, label)
		} else {
			p.ofRows(b, q)
		}
		all, args = append(all, "("+p.keys()+")"), p.args
	}
	switch len(all) {
	case 0:
		return `SELECT id FROM invocations WHERE false AND id < $1 AND id > $2 LIMIT $3`, args
	case 1:
		return all[0], args
	}
	return `SELECT DISTINCT key FROM (` + strings.Join(all, " UNION ALL ") + `) AS rows ORDER BY key DESC LIMIT $3`, args
}

// ofRows makes the page read the rows of a branch.
func (p *page) ofRows(b branch, q store.Query) {
	p.table, p.key = "invocations", "id"
	switch {
	case q.RerunOf != "":
		p.eachOf("rerun_of", q.RerunOf)
		p.only("rerun_of <> ''", true) // the condition of the index
	case b.source != "" && q.Unfinished:
		p.rangesOfSource(b.source)
		b.source = "" // the ranges have it
	case len(b.states) > 0 && (!b.ended || !b.owned() && len(b.jobs) == 0):
		p.eachOf("state", b.states...)
		b.states = nil
	case len(b.states) > 0:
		p.rangesOfEnded(&b)
	default:
		p.rangesOfOwner(&b)
		p.rangesOfJobs(&b)
	}
	b.filter(&p.conditions, q)
	p.labelled("invocations.owner", "invocations.id", q.Labels)
}

// ofLabel makes the page read the rows of a label.
func (p *page) ofLabel(b branch, q store.Query, label string) {
	p.table, p.key = "labels", "invocation"
	p.rangesOfOwner(&b)
	p.eachOf("name", label)
	p.eachOf("value", q.Labels[label])
	rest := conditions{args: p.args}
	b.filter(&rest, q)
	p.args = rest.args
	// A subquery that is a value: PostgreSQL does not make a join of it, which could read all rows.
	p.only(`(SELECT true FROM invocations AS i WHERE i.id = labels.invocation AND `+rest.String()+`)`, len(rest.where) > 0)
	others := maps.Clone(q.Labels)
	delete(others, label)
	p.labelled("labels.owner", "labels.invocation", others)
}

// labelled adds the condition that an invocation has some labels.
func (c *conditions) labelled(owner, id string, labels map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		c.only(`(SELECT true FROM labels AS l WHERE l.owner = `+owner+` AND l.name = `+c.arg(name)+` AND l.value = `+c.arg(labels[name])+` AND l.invocation = `+id+`)`, true)
	}
}
