package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/sqlite"
)

// Triggered implements [store.Store]. It reads the newest rows of each trigger, which the index
// has in order, and then the newest of them all.
func (s *Store) Triggered(ctx context.Context, q store.EventQuery) (found []ledger.Record, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) error {
		sources := []string{ledger.SourceName(&runwith.Source{Trigger: q.Trigger})}
		if q.Trigger == "" {
			if sources, err = sourcesOf(tx, sources[0]); err != nil {
				return err
			}
		}
		for _, source := range sources {
			query, args := triggeredBy(source, q)
			some, err := records(tx, query, args...)
			if err != nil {
				return err
			}
			found = append(found, some...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the invocations of triggers: %w", err)
	}
	slices.SortFunc(found, func(a, b ledger.Record) int { return strings.Compare(b.ID, a.ID) })
	return found[:min(len(found), q.Limit)], nil
}

// triggeredBy returns the statement for the invocations of one trigger, newest first.
func triggeredBy(source string, q store.EventQuery) (query string, args []any) {
	c := conditions{}
	c.add("source = ?", source, true)
	c.add("id < ?", q.Before, q.Before != "")
	c.addIn("job", q.Jobs)
	return selectRecord + ` INDEXED BY invocations_by_source WHERE source <> '' AND ` + c.String() + ` ORDER BY id DESC LIMIT ?`, append(c.args, q.Limit)
}

// sourcesOf returns the names of the sources of a kind that have started something. It skips
// from one to the next in the index.
func sourcesOf(tx *sqlite.Tx, kind string) ([]string, error) {
	return texts(tx, `WITH RECURSIVE sources(name) AS (
			SELECT min(source) FROM invocations INDEXED BY invocations_by_source WHERE source <> '' AND source >= ?1 AND source < ?2
			UNION ALL
			SELECT (SELECT min(source) FROM invocations INDEXED BY invocations_by_source WHERE source <> '' AND source > sources.name AND source < ?2)
			FROM sources WHERE sources.name IS NOT NULL
		) SELECT name FROM sources WHERE name IS NOT NULL`, kind, kind+"\U0010FFFF")
}

// addIn adds the condition that a column has one of some values, unless any value does.
func (c *conditions) addIn(column string, values []string) {
	if values == nil {
		return
	}
	c.where = append(c.where, column+` IN (SELECT value FROM json_each(?))`)
	c.args = append(c.args, encode(append([]string{}, values...), true))
}
