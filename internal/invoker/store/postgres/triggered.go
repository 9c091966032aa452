package postgres

import (
	"context"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// Triggered implements [store.Store].
func (s *Store) Triggered(ctx context.Context, q store.EventQuery) (found []ledger.Record, err error) {
	query, args := triggeredBy(q)
	err = s.ask(ctx, "list the invocations of triggers", func(t tx) (err error) {
		found, err = records(t, query, args...)
		return err
	})
	return found, err
}

// triggeredBy returns the statement for the invocations of triggers, newest first.
func triggeredBy(q store.EventQuery) (query string, args []any) {
	p := page{table: "invocations", key: "id"}
	before := q.Before
	if before == "" {
		before = greatest
	}
	p.before, p.after = p.arg(before), "''"
	source := ledger.SourceName(&runwith.Source{Trigger: q.Trigger})
	if q.Trigger != "" {
		p.eachOf("source", source)
	} else {
		p.eachFound("source", p.sources(source))
	}
	p.only("source <> ''", true)
	p.add("job = ANY(%s)", q.Jobs, q.Jobs != nil)
	p.bound = p.arg(q.Limit)
	return p.rows(selectRecord), p.args
}
