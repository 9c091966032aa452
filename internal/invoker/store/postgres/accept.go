package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// The statements that add a newcomer. They change no row if its key is taken.
const (
	addKeyed    = insertRecord + ` ON CONFLICT (owner, key) WHERE key IS NOT NULL DO NOTHING`
	addLabelled = `WITH added AS (` + insertRecord + ` RETURNING id, owner)` + addLabels
	addBoth     = `WITH added AS (` + addKeyed + ` RETURNING id, owner)` + addLabels
	addLabels   = `, labelled AS (INSERT INTO labels (owner, name, value, invocation, month)
		SELECT owner, name, value, id, $60 FROM added, unnest($61::text[], $62::text[]) AS label (name, value))
		SELECT id FROM added`
)

const (
	acceptOne  = "accept invocation"
	acceptMany = "accept invocations"
	// sureWithin bounds how long an acceptance is looked for whose connection was lost during its
	// commit. sureAfter is the longest pause between two looks.
	sureWithin, sureAfter = 5 * time.Second, 200 * time.Millisecond
)

// Accept implements [store.Store]. A newcomer that shares nothing with other rows but its key is
// one statement.
func (s *Store) Accept(ctx context.Context, r ledger.Record, a ledger.Admission) (store.Accepted, error) {
	n := store.Newcomer{Record: r, Admission: a}
	if plain(n) {
		accepted, added, err := s.acceptPlain(ctx, n)
		if added || err != nil {
			return accepted, err
		}
	}
	results, err := s.acceptEach(ctx, acceptOne, []store.Newcomer{n})
	if err != nil {
		return store.Accepted{}, err
	}
	return results[0].Accepted, results[0].Err
}

// plain reports whether nothing but its key decides about a newcomer.
func plain(n store.Newcomer) bool {
	source := n.Record.Source
	return !needsSlot(n) && len(limited(n)) == 0 && len(n.Admission.Budgets.List) == 0 && (source == nil || source.Trigger == "")
}

// needsSlot reports whether the slots of its concurrency key decide about a newcomer.
func needsSlot(n store.Newcomer) bool { return n.Record.Bounded() && !n.Record.Asleep(n.Admission.Now) }

// limited returns the names of the buckets that a newcomer takes tokens from.
func limited(n store.Newcomer) (names []string) {
	for _, l := range n.Admission.Rates {
		if l.Quota > 0 {
			names = append(names, l.Name)
		}
	}
	return names
}

// acceptPlain accepts a plain newcomer. If its key is taken, it adds nothing.
func (s *Store) acceptPlain(ctx context.Context, n store.Newcomer) (accepted store.Accepted, added bool, err error) {
	r, _, err := n.Admission.Reserve(n.Record, nil)
	if err != nil {
		return accepted, false, err
	}
	tries, began := 0, time.Now()
	err = s.surely(ctx, r.ID, func(ctx context.Context) error {
		tries++
		added, err = s.addAlone(ctx, r)
		if tries > 1 && violates(err, "invocations_pkey") { // an earlier try counts
			added, err = true, nil
		}
		return err
	})
	if err != nil || !added {
		return accepted, false, s.failed(acceptOne, err)
	}
	s.committed(began)
	s.publish([]ledger.Record{r})
	return store.Accepted{Record: r}, true, nil
}

// addAlone adds a newcomer in a transaction of its own.
func (s *Store) addAlone(ctx context.Context, r ledger.Record) (added bool, err error) {
	err = s.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		sql, args := adding(r)
		n, err := tx{conn, ctx}.exec(sql, args...)
		if added = n == 1; lost(err) && !pgconn.SafeToRetry(err) {
			err = errors.Join(errCommit, err)
		}
		return err
	})
	return added, err
}

// adding returns the statement that adds a newcomer and its labels, unless its key is taken. It
// changes one row or none.
func adding(r ledger.Record) (sql string, args []any) {
	sql, args = insertRecord, values(r)
	if r.Key != "" {
		sql = addKeyed
	}
	if len(r.Labels) == 0 {
		return sql, args
	}
	if sql = addLabelled; r.Key != "" {
		sql = addBoth
	}
	names := slices.Sorted(maps.Keys(r.Labels))
	labels := make([]string, len(names))
	for i, name := range names {
		labels[i] = r.Labels[name]
	}
	return sql, append(args, reserving(r), names, labels)
}

// surely accepts. If the connection was lost during the commit, it accepts again until it is known
// whether the first time counts. The rows keep their IDs, so accept adds none twice.
func (s *Store) surely(ctx context.Context, what string, accept func(ctx context.Context) error) error {
	err := s.retry(ctx, accept)
	if !errors.Is(err, errCommit) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sureWithin)
	defer cancel()
	for err != nil && !own(err) {
		if backoff.Sleep(ctx, rand.N(sureAfter)) != nil {
			return &runwith.Error{Code: runwith.Unavailable, Err: err, Message: fmt.Sprintf(
				"the connection to the database was lost, so it is unknown whether %s was accepted: send the request again with its Idempotency-Key", what)}
		}
		err = s.retry(ctx, accept)
	}
	return err
}
