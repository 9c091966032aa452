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

// eventColumns are the columns of a refused event, in the order of insertEvent and scanEvent.
// The body and the header stand last.
const (
	eventColumns = eventSummary + `, header, body`
	eventSummary = `id, trigger_name, job, event, caller, received, seen, code, message, content_type, size, retried, ended`
)

// insertEvent adds a refused event, or counts another arrival. It changes the rest of a row
// only while that waits.
const insertEvent = `INSERT INTO refused_events (` + eventColumns + `) VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, '', 0, ?, ?)
	ON CONFLICT (trigger_name, event) WHERE event <> '' DO UPDATE SET seen = seen + 1,
		job          = iif(ended = 0, excluded.job, job),
		caller       = iif(ended = 0, excluded.caller, caller),
		code         = iif(ended = 0, excluded.code, code),
		message      = iif(ended = 0, excluded.message, message),
		content_type = iif(ended = 0, excluded.content_type, content_type),
		size         = iif(ended = 0, excluded.size, size),
		header       = iif(ended = 0, excluded.header, header),
		body         = iif(ended = 0, excluded.body, body)
	RETURNING ` + eventColumns

func scanEvent(row sqlite.Row, more ...any) (e ledger.RefusedEvent, err error) {
	var received, ended int64
	err = row.Scan(append([]any{
		&e.ID, &e.Trigger, &e.Job, &e.Event, &e.Caller, &received, &e.Seen, &e.Code, &e.Message, &e.ContentType, &e.Size, &e.Retried, &ended,
	}, more...)...)
	e.Received, e.Ended = fromMicros(received), fromMicros(ended)
	return e, err
}

// scanWhole reads a refused event with its header and body.
func scanWhole(row sqlite.Row) (ledger.RefusedEvent, error) {
	var (
		header string
		body   []byte
	)
	e, err := scanEvent(row, &header, &body)
	if err == nil {
		err = decode(header, &e.Header)
	}
	if len(body) > 0 {
		e.Body = body
	}
	return e, err
}

// AddEvent implements [store.Store].
func (s *Store) AddEvent(ctx context.Context, e ledger.RefusedEvent) (stored ledger.RefusedEvent, dropped int, err error) {
	e = e.Bounded()
	_, err = s.add(ctx, "keep a refused event", func(tx *sqlite.Tx) (_ []ledger.Record, err error) {
		stored, err = scanWhole(tx.QueryRow(insertEvent, e.ID, e.Trigger, e.Job, e.Event, e.Caller, micros(e.Received),
			e.Code, e.Message, e.ContentType, e.Size, encode(e.Header, len(e.Header) > 0), append([]byte{}, e.Body...)))
		if err != nil || stored.Seen > 1 {
			return nil, err
		}
		dropped, err = dropOldest(tx, e.Trigger)
		return nil, err
	})
	return stored, dropped, err
}

// The statements that remove the oldest events of a trigger. The time of an end stands behind the
// body, so each has an index that knows it.
const (
	dropSettled = `DELETE FROM refused_events INDEXED BY refused_events_settled WHERE trigger_name = ?1 AND ended > 0 AND id <= (
		SELECT id FROM refused_events INDEXED BY refused_events_settled WHERE trigger_name = ?1 AND ended > 0 ORDER BY id DESC LIMIT 1 OFFSET ?2)`
	dropWaiting = `DELETE FROM refused_events INDEXED BY refused_events_waiting WHERE trigger_name = ?1 AND ended = 0 AND id <= (
		SELECT id FROM refused_events INDEXED BY refused_events_waiting WHERE trigger_name = ?1 AND ended = 0 ORDER BY id DESC LIMIT 1 OFFSET ?2)`
)

// dropOldest removes the waiting events of a trigger beyond the bound, and the settled ones, and
// returns the number of the former.
func dropOldest(tx *sqlite.Tx, trigger string) (int, error) {
	var dropped int64
	for _, statement := range []string{dropSettled, dropWaiting} {
		n, err := tx.Exec(statement, trigger, ledger.MaxEvents)
		if err != nil {
			return 0, err
		}
		dropped = n
	}
	return int(dropped), nil
}

// Events implements [store.Store].
func (s *Store) Events(ctx context.Context, q store.EventQuery) (found []ledger.RefusedEvent, err error) {
	query, args := refusedBy(q)
	err = s.db.Read(ctx, func(tx *sqlite.Tx) error {
		for row, err := range tx.Query(query, args...) {
			if err != nil {
				return err
			}
			e, err := scanEvent(row)
			if err != nil {
				return err
			}
			found = append(found, e)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list refused events: %w", err)
	}
	return found, nil
}

// refusedBy returns the statement for refused events, newest first.
func refusedBy(q store.EventQuery) (query string, args []any) {
	c := conditions{where: []string{"1"}}
	c.add("trigger_name = ?", q.Trigger, q.Trigger != "")
	c.add("id < ?", q.Before, q.Before != "")
	c.addIn("job", q.Jobs)
	if q.Waiting {
		c.where = append(c.where, "ended = 0")
	}
	return `SELECT ` + eventSummary + ` FROM refused_events WHERE ` + c.String() + ` ORDER BY id DESC LIMIT ?`, append(c.args, q.Limit)
}

// Event implements [store.Store].
func (s *Store) Event(ctx context.Context, id string) (e ledger.RefusedEvent, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) (err error) {
		e, err = scanWhole(tx.QueryRow(`SELECT `+eventColumns+` FROM refused_events WHERE id = ?`, id))
		return err
	})
	switch {
	case errors.Is(err, sqlite.ErrNoRows):
		return ledger.RefusedEvent{}, store.NotFound(fmt.Sprintf("event %q", id))
	case err != nil:
		return ledger.RefusedEvent{}, fmt.Errorf("find refused event: %w", err)
	}
	return e, nil
}

// RefuseEvent implements [store.Store].
func (s *Store) RefuseEvent(ctx context.Context, id, code, message string) error {
	_, err := s.write(ctx, "explain a refused event", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		_, err := tx.Exec(`UPDATE refused_events SET code = ?, message = ? WHERE id = ? AND ended = 0`, code, message, id)
		return nil, err
	})
	return err
}

// SettleEvent implements [store.Store].
func (s *Store) SettleEvent(ctx context.Context, id, invocation string, now time.Time) error {
	_, err := s.write(ctx, "settle a refused event", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		_, err := tx.Exec(`UPDATE refused_events SET retried = ?, ended = ? WHERE id = ? AND ended = 0`, invocation, micros(now), id)
		return nil, err
	})
	return err
}

// settleEventOf settles the refused event for which an invocation was accepted, if there is one.
func settleEventOf(tx *sqlite.Tx, r ledger.Record, now time.Time) error {
	if r.Source == nil || r.Source.Trigger == "" || r.Source.Event == "" {
		return nil
	}
	_, err := tx.Exec(`UPDATE refused_events SET retried = ?, ended = ? WHERE trigger_name = ? AND event = ? AND event <> '' AND ended = 0`,
		r.ID, micros(now), r.Source.Trigger, r.Source.Event)
	return err
}

// unsettleEventOf makes the event of a withdrawn invocation wait again.
func unsettleEventOf(tx *sqlite.Tx, r ledger.Record) error {
	if r.Source == nil || r.Source.Trigger == "" {
		return nil
	}
	_, err := tx.Exec(`UPDATE refused_events SET retried = '', ended = 0 WHERE retried = ? AND retried <> ''`, r.ID)
	return err
}

// WaitingEvents implements [store.Store].
func (s *Store) WaitingEvents(ctx context.Context) (map[string]int, error) {
	counts := map[string]int{}
	err := s.db.Read(ctx, func(tx *sqlite.Tx) error {
		for row, err := range tx.Query(`SELECT trigger_name, count(*) FROM refused_events INDEXED BY refused_events_waiting WHERE ended = 0 GROUP BY trigger_name`) {
			if err != nil {
				return err
			}
			var (
				name string
				n    int
			)
			if err := row.Scan(&name, &n); err != nil {
				return err
			}
			counts[name] = n
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count refused events: %w", err)
	}
	return counts, nil
}

// TidyEvents implements [store.Store].
func (s *Store) TidyEvents(ctx context.Context, now time.Time, limit int) (removed int, err error) {
	_, err = s.write(ctx, "remove old events", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		n, err := tx.Exec(`DELETE FROM refused_events WHERE id IN (SELECT id FROM refused_events WHERE received < ? ORDER BY received LIMIT ?)`,
			micros(now.Add(-ledger.EventKept)), limit)
		removed = int(n)
		return nil, err
	})
	return removed, err
}
