package store

import (
	"context"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// Events is the part of a store that keeps the events that triggers refuse. It does not keep
// accepted ones: these are the invocations that have a trigger as their source.
//
// Every method of a [Store] that adds an invocation of a trigger settles the refused event for
// which it is, in the same transaction. So a crash leaves no event that waits although its job
// was started. A withdrawn invocation makes its event wait again.
type Events interface {
	// AddEvent adds a refused event, which then waits for a retry. If the trigger has refused
	// the same event before, it counts one more arrival instead, keeps the earlier ID and
	// time, and takes over everything else; a settled event stays as it is apart from Seen. It
	// returns the stored event, and how many of the trigger's oldest waiting events it has
	// dropped to stay within [ledger.MaxEvents].
	AddEvent(ctx context.Context, e ledger.RefusedEvent) (_ ledger.RefusedEvent, dropped int, err error)
	// Events returns refused events without Header and Body, newest first.
	Events(ctx context.Context, q EventQuery) ([]ledger.RefusedEvent, error)
	// Triggered returns the invocations that triggers have started, newest first.
	Triggered(ctx context.Context, q EventQuery) ([]ledger.Record, error)
	// Event returns a refused event, or NOT_FOUND.
	Event(ctx context.Context, id string) (ledger.RefusedEvent, error)
	// RefuseEvent replaces the reason of a waiting event. It is a no-op for others.
	RefuseEvent(ctx context.Context, id, code, message string) error
	// SettleEvent records the invocation that was started for a waiting event. It is a no-op for
	// others.
	SettleEvent(ctx context.Context, id, invocation string, now time.Time) error
	// WaitingEvents counts the waiting events, by trigger. Triggers without any are absent.
	WaitingEvents(ctx context.Context) (map[string]int, error)
	// TidyEvents removes up to limit events that were received [ledger.EventKept] before now, and
	// returns their number.
	TidyEvents(ctx context.Context, now time.Time, limit int) (int, error)
}

// EventQuery selects events of triggers. Empty fields match any.
type EventQuery struct {
	Trigger string
	Waiting bool     // only refused events that wait for a retry
	Jobs    []string // only those of these jobs; nil: of all
	Before  string   // only events older than the one with this ID
	Limit   int
}

// Invocations selects the invocations that triggers have started for the events.
func (q EventQuery) Invocations() Query {
	started := Query{Source: ledger.SourceName(&runwith.Source{Trigger: q.Trigger}), Before: q.Before, Limit: q.Limit}
	if q.Jobs != nil {
		started.Visible = &Visibility{Jobs: q.Jobs}
	}
	return started
}
