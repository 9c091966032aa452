package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// deliveryColumns are the columns of a delivery, in the order of insertDeliveries and
// scanDelivery.
const deliveryColumns = `id, invocation, job, principal, endpoint, url, event, payload,
	state, attempts, created, next_attempt, lease, ended, last_status, last_error`

// insertDeliveries adds new deliveries.
func insertDeliveries(t tx, made []ledger.Delivery) error {
	var b batch
	for _, d := range made {
		b.exec(`INSERT INTO deliveries (`+deliveryColumns+`, lane, due) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
			d.ID, d.Invocation, d.Job, d.Owner, d.Endpoint, d.URL, string(d.Event), append([]byte{}, d.Payload...), string(d.State), d.Attempts,
			stamp(d.Created), stamp(d.NextAttempt), stamp(d.Lease), stamp(d.Ended), d.LastStatus, d.LastError, d.Lane(), stamp(d.Due()))
	}
	return b.run(t)
}

// scanDelivery reads a row with the deliveryColumns.
func scanDelivery(row pgx.Row) (d ledger.Delivery, err error) {
	err = row.Scan(&d.ID, &d.Invocation, &d.Job, &d.Owner, &d.Endpoint, &d.URL, &d.Event, &d.Payload, &d.State, &d.Attempts,
		(*moment)(&d.Created), (*moment)(&d.NextAttempt), (*moment)(&d.Lease), (*moment)(&d.Ended), &d.LastStatus, &d.LastError)
	return d, err
}
