package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// deliveryColumns are the columns of a delivery, in the order of insertDeliveries and
// scanDelivery.
const deliveryColumns = `id, invocation, job, principal, endpoint, url, event, payload,
	state, attempts, created, next_attempt, lease, ended, last_status, last_error`

// insertDeliveries adds new deliveries.
func insertDeliveries(t tx, made []ledger.Delivery) error {
	var b batch
	b.deliveries(made)
	return b.run(t)
}

func (b *batch) deliveries(made []ledger.Delivery) {
	for _, d := range made {
		b.exec(`INSERT INTO deliveries (`+deliveryColumns+`, lane, due) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
			d.ID, d.Invocation, d.Job, d.Owner, d.Endpoint, d.URL, string(d.Event), append([]byte{}, d.Payload...), string(d.State), d.Attempts,
			stamp(d.Created), stamp(d.NextAttempt), stamp(d.Lease), stamp(d.Ended), d.LastStatus, d.LastError, d.Lane(), stamp(d.Due()))
	}
}

// scanDelivery reads a row with the deliveryColumns.
func scanDelivery(row pgx.Row) (d ledger.Delivery, err error) {
	err = row.Scan(&d.ID, &d.Invocation, &d.Job, &d.Owner, &d.Endpoint, &d.URL, &d.Event, &d.Payload, &d.State, &d.Attempts,
		(*moment)(&d.Created), (*moment)(&d.NextAttempt), (*moment)(&d.Lease), (*moment)(&d.Ended), &d.LastStatus, &d.LastError)
	return d, err
}

// explainDeliveries gives the deliveries of a failure that were never attempted its reason.
func explainDeliveries(t tx, r ledger.Record) error {
	made, err := all(t, scanDelivery, `SELECT `+deliveryColumns+` FROM deliveries WHERE invocation = $1 ORDER BY id FOR UPDATE`, r.ID)
	if err != nil {
		return err
	}
	var b batch
	for _, d := range made {
		b.exec(`UPDATE deliveries SET payload = $1 WHERE id = $2`, d.Explained(r).Payload, d.ID)
	}
	return b.run(t)
}

// dropBudgetDeliveries removes the first $2 of the deliveries that belong to no invocation and were
// created before the time $1. It has an array, as in tidyEvents.
const dropBudgetDeliveries = `DELETE FROM deliveries WHERE seq = ANY (ARRAY(
	SELECT seq FROM deliveries WHERE invocation = '' AND created < $1 ORDER BY created LIMIT $2 FOR UPDATE SKIP LOCKED))`

// tidyBudgetDeliveries removes old deliveries that belong to no invocation.
func tidyBudgetDeliveries(t tx, now time.Time, limit int) error {
	_, err := t.exec(dropBudgetDeliveries, stamp(now.Add(-ledger.BudgetDeliveryKept)), limit)
	return err
}

// Deliveries implements [store.Store].
func (s *Store) Deliveries(ctx context.Context, q store.DeliveryQuery) (found []ledger.Delivery, err error) {
	query, args := deliveriesBy(q)
	err = s.ask(ctx, "list deliveries", func(t tx) (err error) {
		found, err = all(t, scanDelivery, query, args...)
		return err
	})
	return found, err
}

// deliveriesBy returns the statement for deliveries, newest first.
func deliveriesBy(q store.DeliveryQuery) (query string, args []any) {
	p := page{table: "deliveries", key: "seq", after: "0", before: "9223372036854775807"}
	if q.Before != "" {
		p.before = "(SELECT seq FROM deliveries WHERE id = " + p.arg(q.Before) + ")"
	}
	states := []string{string(q.State)}
	if q.State == "" {
		states = []string{string(ledger.DeliveryPending), string(ledger.DeliveryDelivered), string(ledger.DeliveryFailed)}
	}
	switch {
	case q.Invocation != "":
		p.eachOf("invocation", q.Invocation)
		p.add("endpoint = %s", q.Endpoint, q.Endpoint != "")
		p.add("state = %s", string(q.State), q.State != "")
	case q.Endpoint != "":
		p.eachOf("endpoint", q.Endpoint)
		p.eachOf("state", states...)
	case q.State != "":
		p.eachFound("endpoint", distinct("deliveries", "endpoint", "true"))
		p.eachOf("state", states...)
	}
	p.add("lane = %s", q.Lane, q.Lane != "")
	p.bound = p.arg(q.Limit)
	return p.rows(`SELECT ` + deliveryColumns + ` FROM deliveries`), p.args
}

// Delivery implements [store.Store].
func (s *Store) Delivery(ctx context.Context, id string) (ledger.Delivery, error) {
	return one(s.asks(ctx, fmt.Sprintf("delivery %q", id)), scanDelivery, `SELECT `+deliveryColumns+` FROM deliveries WHERE id = $1`, id)
}
