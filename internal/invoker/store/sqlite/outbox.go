package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/sqlite"
)

// deliveryColumns are the columns of a delivery, in the order of insertDeliveries and
// scanDelivery.
const deliveryColumns = `id, invocation, job, principal, endpoint, url, event, payload,
	state, attempts, created, next_attempt, lease, ended, last_status, last_error`

// insertDeliveries adds new deliveries.
func insertDeliveries(tx *sqlite.Tx, made []ledger.Delivery) error {
	for _, d := range made {
		if _, err := tx.Exec(`INSERT INTO deliveries (`+deliveryColumns+`, lane, due) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			d.ID, d.Invocation, d.Job, d.Owner, d.Endpoint, d.URL, d.Event, d.Payload,
			d.State, d.Attempts, micros(d.Created), micros(d.NextAttempt), micros(d.Lease), micros(d.Ended), d.LastStatus, d.LastError,
			d.Lane(), micros(d.Due())); err != nil {
			return err
		}
	}
	return nil
}

func scanDelivery(row sqlite.Row) (d ledger.Delivery, err error) {
	var times [4]int64
	err = row.Scan(&d.ID, &d.Invocation, &d.Job, &d.Owner, &d.Endpoint, &d.URL, &d.Event, &d.Payload,
		&d.State, &d.Attempts, &times[0], &times[1], &times[2], &times[3], &d.LastStatus, &d.LastError)
	for i, t := range []*time.Time{&d.Created, &d.NextAttempt, &d.Lease, &d.Ended} {
		*t = fromMicros(times[i])
	}
	return d, err
}

// deliveries reads the rows of a query.
func deliveries(tx *sqlite.Tx, query string, args ...any) (found []ledger.Delivery, err error) {
	for row, err := range tx.Query(query, args...) {
		if err != nil {
			return nil, err
		}
		d, err := scanDelivery(row)
		if err != nil {
			return nil, err
		}
		found = append(found, d)
	}
	return found, nil
}

// explainDeliveries gives the deliveries of a failure that were never attempted its reason.
func explainDeliveries(tx *sqlite.Tx, r ledger.Record) error {
	made, err := deliveries(tx, `SELECT `+deliveryColumns+` FROM deliveries WHERE invocation = ?`, r.ID)
	if err != nil {
		return err
	}
	for _, d := range made {
		if _, err := tx.Exec(`UPDATE deliveries SET payload = ? WHERE id = ?`, d.Explained(r).Payload, d.ID); err != nil {
			return err
		}
	}
	return nil
}

// removeOldest removes the old ones among the first deliveries that belong to no invocation. They
// are in the order of their creation, so it need not look at the others.
const removeOldest = `DELETE FROM deliveries WHERE created < ? AND seq IN (
	SELECT seq FROM deliveries INDEXED BY deliveries_by_invocation WHERE invocation = '' ORDER BY seq LIMIT ?)`

// tidyBudgetDeliveries removes old deliveries that belong to no invocation.
func tidyBudgetDeliveries(tx *sqlite.Tx, now time.Time, limit int) error {
	_, err := tx.Exec(removeOldest, micros(now.Add(-ledger.BudgetDeliveryKept)), limit)
	return err
}

// DueDeliveries implements [store.Store]. It takes the writer only if something is due.
func (s *Store) DueDeliveries(ctx context.Context, now time.Time, lease time.Duration, perLane, limit int) (due []ledger.Delivery, next time.Time, err error) {
	some, next, err := s.lookAhead(ctx, now)
	if err != nil || !some {
		return nil, next, err
	}
	_, err = s.write(ctx, "lease deliveries", func(tx *sqlite.Tx) (_ []ledger.Record, err error) {
		if due, err = dueDeliveries(tx, now, perLane, limit); err != nil {
			return nil, err
		}
		until := ledger.Stored(now.Add(lease))
		for i := range due {
			due[i].Lease = until
			if _, err := tx.Exec(`UPDATE deliveries SET lease = ?1, due = ?1 WHERE id = ?2`, micros(until), due[i].ID); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	return due, next, err
}

// lookAhead reports whether deliveries are due, and when the next one will be.
func (s *Store) lookAhead(ctx context.Context, now time.Time) (some bool, next time.Time, err error) {
	var at *int64
	err = s.db.Read(ctx, func(tx *sqlite.Tx) error { return tx.QueryRow(nextDue, micros(now)).Scan(&some, &at) })
	if err != nil {
		return false, next, fmt.Errorf("look for deliveries: %w", err)
	}
	if at != nil {
		next = fromMicros(*at)
	}
	return some, next, nil
}

// dueDeliveries reads the deliveries that may be leased.
func dueDeliveries(tx *sqlite.Tx, now time.Time, perLane, limit int) ([]ledger.Delivery, error) {
	lanes, err := texts(tx, dueLanes, micros(now))
	if err != nil {
		return nil, err
	}
	byLane := make([][]ledger.Delivery, len(lanes))
	for i, lane := range lanes {
		var leased int
		if err := tx.QueryRow(`SELECT count(*) FROM deliveries INDEXED BY deliveries_leased
			WHERE lane = ? AND state = 'pending' AND lease > 0 AND lease > ?`, lane, micros(now)).Scan(&leased); err != nil {
			return nil, err
		}
		byLane[i], err = deliveries(tx, `SELECT `+deliveryColumns+` FROM deliveries INDEXED BY deliveries_due
			WHERE lane = ? AND state = 'pending' AND due <= ? ORDER BY due, seq LIMIT ?`, lane, micros(now), max(0, min(perLane-leased, limit)))
		if err != nil {
			return nil, err
		}
	}
	return ledger.TakeTurns(byLane, limit), nil
}

// The statements about the lanes that are not disabled. nextDue selects whether a delivery is due at
// the time ?1 and when the next one will be, dueLanes the lanes that have one.
const (
	openLanes = ` FROM lanes WHERE lane IS NOT NULL AND NOT EXISTS (SELECT 1 FROM endpoints WHERE name = lane AND disabled_at > 0)`
	ofLane    = ` FROM deliveries INDEXED BY deliveries_due WHERE lane = lanes.lane AND state = 'pending'`
	hasDue    = `EXISTS (SELECT 1` + ofLane + ` AND due <= ?1)`
	nextDue   = allLanes + ` SELECT coalesce(max(` + hasDue + `), 0), min((SELECT min(due)` + ofLane + ` AND due > ?1))` + openLanes
	dueLanes  = allLanes + ` SELECT lane` + openLanes + ` AND ` + hasDue
)

// allLanes defines the lanes with pending deliveries. It skips from lane to lane in the index.
const allLanes = `WITH RECURSIVE lanes(lane) AS (
		SELECT min(lane) FROM deliveries INDEXED BY deliveries_due WHERE state = 'pending'
		UNION ALL
		SELECT (SELECT min(lane) FROM deliveries INDEXED BY deliveries_due WHERE state = 'pending' AND lane > lanes.lane)
		FROM lanes WHERE lanes.lane IS NOT NULL
	)`

// Added implements [store.Store].
func (s *Store) Added() <-chan struct{} { return s.added }

// voidLeases ends the leases of an earlier process. Its attempts may have been received.
func voidLeases(tx *sqlite.Tx) error {
	lanes, err := texts(tx, allLanes+` SELECT lane FROM lanes WHERE lane IS NOT NULL`)
	for _, lane := range lanes {
		if _, err := tx.Exec(`UPDATE deliveries INDEXED BY deliveries_leased SET lease = 0, due = next_attempt
			WHERE lane = ? AND state = 'pending' AND lease > 0`, lane); err != nil {
			return err
		}
	}
	return err
}

// SettleDeliveries implements [store.Store].
func (s *Store) SettleDeliveries(ctx context.Context, settled []ledger.Delivery) error {
	_, err := s.write(ctx, "settle deliveries", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		for _, d := range settled {
			leased := d.Lease
			d.Lease = time.Time{}
			if _, err := tx.Exec(`UPDATE deliveries SET state = ?, attempts = ?, next_attempt = ?, due = ?, ended = ?, last_status = ?, last_error = ?, lease = 0
				WHERE id = ? AND state = 'pending' AND lease = ?`,
				d.State, d.Attempts, micros(d.NextAttempt), micros(d.Due()), micros(d.Ended), d.LastStatus, d.LastError, d.ID, micros(leased)); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	return err
}

// Deliveries implements [store.Store].
func (s *Store) Deliveries(ctx context.Context, q store.DeliveryQuery) (found []ledger.Delivery, err error) {
	query, args := deliveriesBy(q)
	err = s.db.Read(ctx, func(tx *sqlite.Tx) (err error) {
		found, err = deliveries(tx, query, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return found, nil
}

// deliveriesBy returns the statement for deliveries, newest first.
func deliveriesBy(q store.DeliveryQuery) (query string, args []any) {
	c := conditions{where: []string{"1"}}
	c.add("invocation = ?", q.Invocation, q.Invocation != "")
	c.add("endpoint = ?", q.Endpoint, q.Endpoint != "")
	c.add("lane = ?", q.Lane, q.Lane != "")
	c.add("state = ?", string(q.State), q.State != "")
	c.add("seq < (SELECT seq FROM deliveries WHERE id = ?)", q.Before, q.Before != "")
	return `SELECT ` + deliveryColumns + ` FROM deliveries WHERE ` + c.String() + ` ORDER BY seq DESC LIMIT ?`, append(c.args, q.Limit)
}

// Delivery implements [store.Store].
func (s *Store) Delivery(ctx context.Context, id string) (d ledger.Delivery, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) (err error) {
		d, err = scanDelivery(tx.QueryRow(`SELECT `+deliveryColumns+` FROM deliveries WHERE id = ?`, id))
		return err
	})
	switch {
	case errors.Is(err, sqlite.ErrNoRows):
		return ledger.Delivery{}, store.NotFound(fmt.Sprintf("delivery %q", id))
	case err != nil:
		return ledger.Delivery{}, fmt.Errorf("find delivery: %w", err)
	}
	return d, nil
}

// Replay implements [store.Store].
func (s *Store) Replay(ctx context.Context, ids []string, now time.Time) (replayed int, err error) {
	_, err = s.write(ctx, "replay deliveries", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		replayed = 0
		for _, id := range ids {
			n, err := tx.Exec(`UPDATE deliveries SET state = 'pending', attempts = 0, next_attempt = ?1, due = ?1, lease = 0, ended = 0, last_status = 0, last_error = ''
				WHERE id = ?2 AND lease <= ?1`, micros(now), id)
			if err != nil {
				return nil, err
			}
			replayed += int(n)
		}
		return nil, nil
	})
	return replayed, err
}
