package postgres

import (
	"context"
	"maps"
	"slices"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// greatest is greater than all texts that are compared by their bytes.
const greatest = "\U0010FFFF"

// List implements [store.Store].
func (s *Store) List(ctx context.Context, q store.Query) (found []ledger.Record, err error) {
	query, args := listBy(q)
	err = s.ask(ctx, "list invocations", func(t tx) (err error) {
		found, err = records(t, query, args...)
		return err
	})
	return found, err
}

// listBy returns the statement for invocations, newest first.
func listBy(q store.Query) (query string, args []any) {
	p := page{table: "invocations", key: "id", limit: q.Limit}
	before := q.Before
	if before == "" {
		before = greatest
	}
	p.before, p.after = p.arg(before), p.arg(q.After)
	var states []string
	for _, state := range slices.Compact(slices.Sorted(slices.Values(q.States))) { // each range once
		states = append(states, string(state))
	}
	switch {
	case q.RerunOf != "":
		p.eachOf("rerun_of", q.RerunOf)
		p.only("rerun_of <> ''", true)
	case ledger.EverySource(q.Source):
		p.eachFound("source", p.sources(q.Source))
		p.only("source <> ''", true)
	case q.Source != "":
		p.eachOf("source", q.Source)
		p.only("source <> ''", true)
	case q.Owner != "":
		p.eachOf("owner", q.Owner)
	case q.Job != "":
		p.eachOf("job", q.Job)
	case len(states) > 0:
		p.eachOf("state", states...)
	}
	if q.RerunOf != "" && q.Source != "" {
		p.only("(source = "+p.arg(q.Source)+" OR "+p.arg(ledger.EverySource(q.Source))+" AND starts_with(source, "+p.arg(q.Source)+"))", true)
	}
	p.add("owner = %s", q.Owner, q.Owner != "")
	p.add("job = %s", q.Job, q.Job != "")
	p.add("state = ANY(%s)", states, len(states) > 0)
	p.only("finished = 'epoch'", q.Unfinished)
	for _, name := range slices.Sorted(maps.Keys(q.Labels)) {
		p.only("EXISTS (SELECT 1 FROM labels WHERE labels.owner = invocations.owner AND name = "+p.arg(name)+" AND value = "+p.arg(q.Labels[name])+" AND invocation = id)", true)
	}
	if v := q.Visible; v != nil {
		p.only("(owner = "+p.arg(v.Owner)+" AND owner <> '' OR job = ANY("+p.arg(v.Jobs)+"))", true)
	}
	return p.rows(selectRecord), p.args
}

// sources returns the query for the names of the sources of a kind that have started something.
func (p *page) sources(kind string) string {
	return distinct("invocations", "source", "source <> '' AND source >= "+p.arg(kind)+" AND source < "+p.arg(kind+greatest))
}
