package postgres

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// AcceptEach implements [store.Store].
func (s *Store) AcceptEach(ctx context.Context, newcomers []store.Newcomer) ([]store.AcceptedOrError, error) {
	if len(newcomers) == 0 {
		return nil, nil
	}
	return s.acceptEach(ctx, "accept invocations", newcomers)
}

func (s *Store) acceptEach(ctx context.Context, what string, newcomers []store.Newcomer) ([]store.AcceptedOrError, error) {
	var (
		done  intake // the last try that reached its commit
		tries int
		began = time.Now()
	)
	err := s.surely(ctx, newcomers[0].Record.ID, func(ctx context.Context) error {
		return s.inTx(ctx, pgx.TxOptions{BeginQuery: beginWrite}, func(t tx) error {
			in := intake{Store: s, t: t, newcomers: newcomers}
			if err := in.lock(); err != nil {
				return err
			}
			if tries++; tries > 1 {
				if counts, err := done.counts(t); counts || err != nil {
					return err
				}
			}
			err := in.run()
			if err == nil {
				done = in
			}
			return err
		})
	})
	if err != nil {
		return nil, s.failed(what, err)
	}
	s.committed(began)
	for _, one := range done.results {
		s.publish(changedBy(one.Accepted))
	}
	if done.told {
		s.added.Ring()
	}
	return done.results, nil
}

// lock takes the locks that the newcomers need, before anything is read that a decision rests on.
func (in *intake) lock() (err error) {
	var (
		buckets, slots []string
		replaces       bool
	)
	for _, n := range in.newcomers {
		buckets = append(buckets, limited(n)...)
		if needsSlot(n) {
			slots = append(slots, n.Record.Slot)
			replaces = replaces || n.Admission.Overflow == ledger.Replacing
		}
	}
	if in.buckets, err = lockBuckets(in.t, buckets); err != nil {
		return err
	}
	if err := in.t.lockKeys(slots); err != nil {
		return err
	}
	if err := lockToReserve(in.t, in.newcomers...); err != nil || !replaces {
		return err
	}
	return lockToFree(in.t)
}

// counts reports whether an earlier try is in the database: the connection was lost after its
// commit.
func (in *intake) counts(t tx) (known bool, err error) {
	var ids []string
	for _, one := range in.results {
		if one.Err == nil && !one.Replayed {
			ids = append(ids, one.Record.ID)
		}
	}
	if len(ids) == 0 {
		return false, nil
	}
	err = t.row(`SELECT EXISTS (SELECT 1 FROM invocations WHERE id = ANY($1))`, ids).Scan(&known)
	return known, err
}

// run accepts the newcomers, one after the other.
func (in *intake) run() (err error) {
	in.results, in.spent = make([]store.AcceptedOrError, len(in.newcomers)), map[string]ledger.Bucket{}
	if err := in.addPlain(); err != nil {
		return err
	}
	for i, n := range in.newcomers {
		if in.results[i].Record.ID != "" {
			continue
		}
		if in.results[i], err = in.accept(n); err != nil {
			return err
		}
	}
	return saveBuckets(in.t, maps.Values(in.spent))
}

// addPlain adds the newcomers in one round trip if all of them are plain. It leaves those whose
// key is taken. Keys are taken in their order, so two processes never wait for each other.
func (in *intake) addPlain() error {
	if len(in.newcomers) == 1 || slices.ContainsFunc(in.newcomers, func(n store.Newcomer) bool { return !plain(n) }) {
		return nil
	}
	var (
		b     batch
		added = make([]int64, len(in.newcomers))
		order = make([]int, len(in.newcomers))
	)
	for i, n := range in.newcomers {
		r, _, err := n.Admission.Reserve(n.Record, nil)
		if err != nil {
			return err
		}
		in.results[i].Record, order[i] = r, i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := in.results[i].Record, in.results[j].Record
		return cmp.Or(cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Key, b.Key))
	})
	for _, i := range order {
		sql, args := adding(in.results[i].Record)
		b.count(&added[i], sql, args...)
	}
	if err := b.run(in.t); err != nil {
		return err
	}
	for i, n := range added {
		if n == 0 {
			in.results[i] = store.AcceptedOrError{}
		}
	}
	return nil
}
