package postgres

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// allLanes is the query for the lanes with pending deliveries, and openLanes for those of them
// that are not disabled.
func allLanes() string { return distinct("deliveries", "lane", "state = 'pending'") }

func openLanes() string {
	return `SELECT value FROM (` + allLanes() + `) AS lane WHERE NOT EXISTS (SELECT 1 FROM endpoints WHERE name = value AND disabled_at > 'epoch')`
}

// DueDeliveries implements [store.Store]. Most looks find nothing, so the first one takes no lock.
func (s *Store) DueDeliveries(ctx context.Context, now time.Time, lease time.Duration, perLane, limit int) (due []ledger.Delivery, next time.Time, err error) {
	var some bool
	err = s.ask(ctx, "look for deliveries", func(t tx) (err error) {
		some, next, err = lookAhead(t, now)
		return err
	})
	if err != nil || !some {
		return nil, next, err
	}
	var complete bool
	_, err = s.write(ctx, "lease deliveries", func(t tx) (_ []ledger.Record, err error) {
		due, complete, err = leaseDue(t, now, now.Add(lease), perLane, limit)
		return nil, err
	})
	if !complete {
		next = now // a transaction that has not ended is changing some
	}
	return due, next, err
}

// leaseDue leases deliveries that are due. It reports whether these are all that it may lease.
func leaseDue(t tx, now, until time.Time, perLane, limit int) (due []ledger.Delivery, complete bool, err error) {
	if err := t.lockAll(lockLanes); err != nil {
		return nil, false, err
	}
	chosen, err := dueDeliveries(t, now, perLane, limit)
	if err != nil {
		return nil, false, err
	}
	due, err = leaseDeliveries(t, chosen, now, until)
	return due, len(due) == len(chosen), err
}

// lookAhead reports whether deliveries are due, and when the next one will be.
func lookAhead(t tx, now time.Time) (some bool, next time.Time, err error) {
	const pending = ` FROM deliveries WHERE lane = value AND state = 'pending'`
	err = t.row(`SELECT coalesce(bool_or(EXISTS (SELECT 1`+pending+` AND due <= $1)), false), min((SELECT min(due)`+pending+` AND due > $1))
		FROM (`+openLanes()+`) AS open`, stamp(now)).Scan(&some, (*moment)(&next))
	return some, next, err
}

// dueDeliveries reads deliveries that may be leased. The lock of all lanes keeps the number of
// leases true that it counts.
func dueDeliveries(t tx, now time.Time, perLane, limit int) ([]ledger.Delivery, error) {
	found, err := all(t, scanDelivery, `SELECT `+deliveryColumns+` FROM (`+openLanes()+`) AS open, LATERAL (
			SELECT * FROM deliveries WHERE lane = open.value AND state = 'pending' AND due <= $1 ORDER BY due, seq LIMIT greatest(0, least($3, $2 -
				(SELECT count(*) FROM deliveries WHERE lane = open.value AND state = 'pending' AND lease > 'epoch' AND lease > $1)))
		) AS found ORDER BY lane, due, seq`, stamp(now), int64(perLane), int64(limit))
	if err != nil {
		return nil, err
	}
	var byLane [][]ledger.Delivery
	for i, d := range found {
		if i == 0 || d.Lane() != found[i-1].Lane() {
			byLane = append(byLane, nil)
		}
		last := &byLane[len(byLane)-1]
		*last = append(*last, d)
	}
	return ledger.TakeTurns(byLane, limit), nil
}

// leaseChosen leases those of the deliveries $2 that are still due at the time $3. IS TRUE keeps
// PostgreSQL from an index with all pending deliveries.
const leaseChosen = `UPDATE deliveries SET lease = $1, due = $1 WHERE id IN (
	SELECT id FROM deliveries WHERE id = ANY($2) AND (state = 'pending') IS TRUE AND due <= $3 FOR UPDATE SKIP LOCKED)
	RETURNING ` + deliveryColumns

// leaseDeliveries leases the deliveries that are still due and returns them. It skips those that
// another transaction is about to change.
func leaseDeliveries(t tx, chosen []ledger.Delivery, now, until time.Time) ([]ledger.Delivery, error) {
	place := map[string]int{}
	ids := make([]string, len(chosen))
	for i, d := range chosen {
		ids[i], place[d.ID] = d.ID, i
	}
	leased, err := all(t, scanDelivery, leaseChosen, stamp(until), ids, stamp(now))
	slices.SortFunc(leased, func(a, b ledger.Delivery) int { return place[a.ID] - place[b.ID] })
	return leased, err
}

// voidLeases ends the leases of an earlier process. Its attempts may have been received.
func voidLeases(t tx) error {
	_, err := t.exec(`UPDATE deliveries SET lease = 'epoch', due = next_attempt WHERE state = 'pending' AND lease > 'epoch'`)
	return err
}

// SettleDeliveries implements [store.Store].
func (s *Store) SettleDeliveries(ctx context.Context, settled []ledger.Delivery) error {
	inOrder := slices.SortedFunc(slices.Values(settled), func(a, b ledger.Delivery) int { return strings.Compare(a.ID, b.ID) })
	_, err := s.write(ctx, "settle deliveries", func(t tx) ([]ledger.Record, error) {
		var b batch
		for _, d := range inOrder {
			leased := d.Lease
			d.Lease = time.Time{}
			b.exec(`UPDATE deliveries SET state = $1, attempts = $2, next_attempt = $3, due = $4, ended = $5, last_status = $6, last_error = $7, lease = 'epoch'
				WHERE id = $8 AND state = 'pending' AND lease = $9`,
				string(d.State), d.Attempts, stamp(d.NextAttempt), stamp(d.Due()), stamp(d.Ended), d.LastStatus, d.LastError, d.ID, stamp(leased))
		}
		return nil, b.run(t)
	})
	return err
}

// Replay implements [store.Store].
func (s *Store) Replay(ctx context.Context, ids []string, now time.Time) (replayed int, err error) {
	_, err = s.write(ctx, "replay deliveries", func(t tx) ([]ledger.Record, error) {
		n, err := t.exec(`UPDATE deliveries
			SET state = 'pending', attempts = 0, next_attempt = $1, due = $1, lease = 'epoch', ended = 'epoch', last_status = 0, last_error = ''
			WHERE id IN (SELECT id FROM deliveries WHERE id = ANY($2) AND lease <= $1 ORDER BY id FOR UPDATE)`, stamp(now), ids)
		replayed = int(n)
		return nil, err
	})
	return replayed, err
}
