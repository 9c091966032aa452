package sqlite

import (
	"context"
	"fmt"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/sqlite"
)

// Triggered implements [store.Store].
func (s *Store) Triggered(ctx context.Context, q store.EventQuery) (found []ledger.Record, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) (err error) {
		found, err = list(tx, q.Invocations())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the invocations of triggers: %w", err)
	}
	return found, nil
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
