// Package inbox shows people the events that triggers have received, and starts jobs for
// refused events again.
//
// Refused events are rows of their own. Accepted ones are the invocations that a trigger has
// started, so nothing is stored twice. The IDs of both are UUIDv7, which puts them in one order.
package inbox

import (
	"context"
	"fmt"
	"log/slog"
	"time"
	"unicode/utf8"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/metrics"
)

// Store has the events.
type Store interface {
	store.Events
	// Find returns an invocation, or NOT_FOUND.
	Find(ctx context.Context, id string) (ledger.Record, error)
	// Now returns the time by the store's clock.
	Now() time.Time
}

// Triggers start jobs for events.
type Triggers interface {
	// Retry starts the job for a refused event, as its trigger is now.
	Retry(ctx context.Context, e ledger.RefusedEvent) (_ runwith.Invocation, replayed bool, err error)
	// Target returns the job of a trigger; empty if there is no such trigger.
	Target(trigger string) string
}

// Inbox has the events of triggers. Its methods may be called concurrently.
type Inbox struct {
	store    Store
	triggers Triggers
	log      *slog.Logger
}

// New returns the events in a store. A nil logger discards what it gets. It does no I/O.
func New(s Store, t Triggers, logger *slog.Logger) *Inbox {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Inbox{s, t, logger}
}

// Target returns the job of a trigger; empty if there is no such trigger.
func (b *Inbox) Target(trigger string) string { return b.triggers.Target(trigger) }

// Event returns an event with its content, or NOT_FOUND.
func (b *Inbox) Event(ctx context.Context, id string) (runwith.TriggerEvent, error) {
	e, err := b.store.Event(ctx, id)
	switch {
	case err == nil:
		return whole(e), nil
	case runwith.CodeOf(err) != runwith.NotFound:
		return runwith.TriggerEvent{}, err
	}
	r, missing := b.store.Find(ctx, id)
	switch {
	case runwith.CodeOf(missing) == runwith.NotFound:
		return runwith.TriggerEvent{}, NotFound(id)
	case missing != nil:
		return runwith.TriggerEvent{}, missing
	case r.Source == nil || r.Source.Trigger == "":
		return runwith.TriggerEvent{}, NotFound(id)
	}
	return accepted(r), nil
}

// NotFound returns the error for an event that does not exist.
func NotFound(id string) error { return store.NotFound(fmt.Sprintf("event %q", id)) }

// accepted returns the event for which a trigger has started an invocation.
func accepted(r ledger.Record) runwith.TriggerEvent {
	return runwith.TriggerEvent{
		ID: r.ID, Trigger: r.Source.Trigger, Job: r.Job, Event: r.Source.Event,
		Outcome: runwith.TriggerAccepted, Invocation: r.ID, Received: r.Created,
	}
}

// summary returns a refused event without its content.
func summary(e ledger.RefusedEvent) runwith.TriggerEvent {
	shown := runwith.TriggerEvent{
		ID: e.ID, Trigger: e.Trigger, Job: e.Job, Event: e.Event, Outcome: runwith.TriggerRefused, Received: e.Received,
		Invocation: e.Retried, Retried: e.Ended, Error: &runwith.Failure{Code: e.Code, Message: e.Message},
		Sender: e.Caller, Seen: e.Seen, Size: e.Size, ContentType: e.ContentType,
	}
	if !e.Waits() {
		shown.Outcome = runwith.TriggerAccepted
	}
	return shown
}

// whole returns a refused event with its content.
func whole(e ledger.RefusedEvent) runwith.TriggerEvent {
	shown := summary(e)
	shown.Header = e.Header
	if utf8.Valid(e.Body) {
		shown.Body = string(e.Body)
	} else {
		shown.Base64 = e.Body
	}
	return shown
}

// Metrics returns what the inbox reports.
func (b *Inbox) Metrics() []metrics.Metric {
	return []metrics.Metric{
		metrics.Gauges("runwith_trigger_refused_waiting", "Refused events that wait for a retry.", "trigger", b.store.WaitingEvents),
	}
}
