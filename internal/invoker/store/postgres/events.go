package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/store/column"
)

// eventColumns are the columns of a refused event, in the order of insertEvent and scanEvent.
// The header and the body stand last.
const (
	eventColumns = eventSummary + `, header, body`
	eventSummary = `id, trigger_name, job, event, caller, received, seen, code, message, content_type, size, retried, ended`
)

// insertEvent adds a refused event, or counts another arrival. It changes the rest of a row
// only while that waits.
const insertEvent = `INSERT INTO refused_events AS e (` + eventColumns + `) VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8, $9, $10, '', 'epoch', $11, $12)
	ON CONFLICT (trigger_name, event) WHERE event <> '' DO UPDATE SET seen = e.seen + 1,
		job          = CASE WHEN e.ended = 'epoch' THEN excluded.job          ELSE e.job          END,
		caller       = CASE WHEN e.ended = 'epoch' THEN excluded.caller       ELSE e.caller       END,
		code         = CASE WHEN e.ended = 'epoch' THEN excluded.code         ELSE e.code         END,
		message      = CASE WHEN e.ended = 'epoch' THEN excluded.message      ELSE e.message      END,
		content_type = CASE WHEN e.ended = 'epoch' THEN excluded.content_type ELSE e.content_type END,
		size         = CASE WHEN e.ended = 'epoch' THEN excluded.size         ELSE e.size         END,
		header       = CASE WHEN e.ended = 'epoch' THEN excluded.header       ELSE e.header       END,
		body         = CASE WHEN e.ended = 'epoch' THEN excluded.body         ELSE e.body         END
	RETURNING ` + eventColumns

// scanEvent reads a refused event without its header and body, which more may take.
func scanEvent(row pgx.Row, more ...any) (e ledger.RefusedEvent, err error) {
	err = row.Scan(append([]any{
		&e.ID, &e.Trigger, &e.Job, &e.Event, &e.Caller, (*moment)(&e.Received), &e.Seen, &e.Code, &e.Message, &e.ContentType, &e.Size, &e.Retried, (*moment)(&e.Ended),
	}, more...)...)
	return e, err
}

// scanWhole reads a refused event with its header and body.
func scanWhole(row pgx.Row) (ledger.RefusedEvent, error) {
	var (
		header string
		body   []byte
	)
	e, err := scanEvent(row, &header, &body)
	if err != nil {
		return e, err
	}
	if err := column.Decode(header, &e.Header); err != nil {
		return e, errors.Join(errDamaged, err)
	}
	if len(body) > 0 {
		e.Body = body
	}
	return e, nil
}

// AddEvent implements [store.Store].
func (s *Store) AddEvent(ctx context.Context, e ledger.RefusedEvent) (stored ledger.RefusedEvent, dropped int, err error) {
	e = e.Bounded()
	_, err = s.write(ctx, "keep a refused event", func(t tx) (_ []ledger.Record, err error) {
		dropped = 0
		stored, err = scanWhole(t.row(insertEvent, e.ID, e.Trigger, e.Job, e.Event, e.Caller, stamp(e.Received),
			e.Code, e.Message, e.ContentType, e.Size, column.Encode(e.Header, len(e.Header) > 0), append([]byte{}, e.Body...)))
		if err != nil || stored.Seen > 1 {
			return nil, err
		}
		dropped, err = dropOldest(t, e.Trigger)
		return nil, err
	})
	return stored, dropped, err
}

// hasEnded and hasNotEnded are the events that are settled, and those that wait. Each has an index.
const (
	hasEnded    = `ended > 'epoch'`
	hasNotEnded = `ended = 'epoch'`
)

// dropBeyond removes the events of the trigger $1 that are older than its newest $2 of a kind.
func dropBeyond(which string) string {
	return `DELETE FROM refused_events WHERE trigger_name = $1 AND ` + which + ` AND id <= (
		SELECT id FROM refused_events WHERE trigger_name = $1 AND ` + which + ` ORDER BY id DESC LIMIT 1 OFFSET $2)`
}

// dropOldest removes the waiting events of a trigger beyond the bound, and the settled ones, and
// returns the number of the former.
func dropOldest(t tx, trigger string) (int, error) {
	if _, err := t.exec(dropBeyond(hasEnded), trigger, ledger.MaxEvents); err != nil {
		return 0, err
	}
	dropped, err := t.exec(dropBeyond(hasNotEnded), trigger, ledger.MaxEvents)
	return int(dropped), err
}

// Events implements [store.Store].
func (s *Store) Events(ctx context.Context, q store.EventQuery) (found []ledger.RefusedEvent, err error) {
	var c conditions
	c.add("trigger_name = %s", q.Trigger, q.Trigger != "")
	c.add("id < %s", q.Before, q.Before != "")
	c.add("job = ANY(%s)", q.Jobs, q.Jobs != nil)
	c.only("ended = 'epoch'", q.Waiting)
	limit := c.arg(q.Limit)
	err = s.ask(ctx, "list refused events", func(t tx) (err error) {
		found, err = all(t, func(row pgx.Row) (ledger.RefusedEvent, error) { return scanEvent(row) },
			`SELECT `+eventSummary+` FROM refused_events WHERE `+c.String()+` ORDER BY id DESC LIMIT `+limit, c.args...)
		return err
	})
	return found, err
}

// Event implements [store.Store].
func (s *Store) Event(ctx context.Context, id string) (ledger.RefusedEvent, error) {
	return one(s.asks(ctx, fmt.Sprintf("event %q", id)), scanWhole, `SELECT `+eventColumns+` FROM refused_events WHERE id = $1`, id)
}

// RefuseEvent implements [store.Store].
func (s *Store) RefuseEvent(ctx context.Context, id, code, message string) error {
	_, err := s.write(ctx, "explain a refused event", func(t tx) ([]ledger.Record, error) {
		_, err := t.exec(`UPDATE refused_events SET code = $1, message = $2 WHERE id = $3 AND ended = 'epoch'`, code, message, id)
		return nil, err
	})
	return err
}

// SettleEvent implements [store.Store].
func (s *Store) SettleEvent(ctx context.Context, id, invocation string, now time.Time) error {
	_, err := s.write(ctx, "settle a refused event", func(t tx) ([]ledger.Record, error) {
		_, err := t.exec(`UPDATE refused_events SET retried = $1, ended = $2 WHERE id = $3 AND ended = 'epoch'`, invocation, stamp(now), id)
		return nil, err
	})
	return err
}

// WaitingEvents implements [store.Store].
func (s *Store) WaitingEvents(ctx context.Context) (map[string]int, error) {
	counts := map[string]int{}
	err := s.ask(ctx, "count refused events", func(t tx) error {
		clear(counts)
		rows, err := t.Query(t.ctx, `SELECT trigger_name, count(*) FROM refused_events WHERE ended = 'epoch' GROUP BY trigger_name`)
		if err != nil {
			return err
		}
		var (
			name string
			n    int
		)
		_, err = pgx.ForEachRow(rows, []any{&name, &n}, func() error {
			counts[name] = n
			return nil
		})
		return err
	})
	return counts, err
}

// tidyEvents removes the first $2 of the events that were received before the time $1. PostgreSQL
// guesses that a LIMIT is a tenth of the rows. IN would then read all events to join them, but an
// array is looked up.
const tidyEvents = `DELETE FROM refused_events WHERE id = ANY (ARRAY(
	SELECT id FROM refused_events WHERE received < $1 ORDER BY received LIMIT $2 FOR UPDATE SKIP LOCKED))`

// TidyEvents implements [store.Store].
func (s *Store) TidyEvents(ctx context.Context, now time.Time, limit int) (removed int, err error) {
	_, err = s.write(ctx, "remove old events", func(t tx) ([]ledger.Record, error) {
		n, err := t.exec(tidyEvents, stamp(now.Add(-ledger.EventKept)), limit)
		removed = int(n)
		return nil, err
	})
	return removed, err
}
