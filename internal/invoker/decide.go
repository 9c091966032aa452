package invoker

import (
	"context"
	"errors"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// Decision is what a person decides about an unresolved invocation.
type Decision = ledger.Decision

// The decisions.
const (
	// DecideRetry starts it, after one more search for its execution.
	DecideRetry = ledger.Retry
	// DecideLeave closes it: it stays unresolved for good.
	DecideLeave = ledger.Leave
)

// Cancel asks for an invocation to end, and returns it as it is then. If it was not sent
// to Cloud Run yet, it is cancelled. If it runs, Cloud Run is asked, and the execution's
// result counts. If it is being started, the outcome of that comes first. An invocation
// that has ended stays the same.
func (v *Invoker) Cancel(ctx context.Context, id string) (runwith.Invocation, error) {
	return v.decide(ctx, id, func(r ledger.Record, now time.Time) (ledger.Record, bool, error) {
		r, changed := ledger.Cancel(r, now)
		return r, changed, nil
	})
}

// Resolve decides about an unresolved invocation, and returns it as it is then.
// FAILED_PRECONDITION means that there is nothing to decide, or that this decision is not
// possible.
func (v *Invoker) Resolve(ctx context.Context, id string, d Decision) (runwith.Invocation, error) {
	if err := d.Validate(); err != nil {
		return runwith.Invocation{}, err
	}
	return v.decide(ctx, id, func(r ledger.Record, now time.Time) (ledger.Record, bool, error) {
		r, err := ledger.Resolve(r, d, now)
		return r, true, err
	})
}

// decide makes a transition that somebody asks for, from whatever the row is.
func (v *Invoker) decide(ctx context.Context, id string, to func(ledger.Record, time.Time) (ledger.Record, bool, error)) (runwith.Invocation, error) {
	for {
		r, err := v.store.Find(ctx, id)
		if err != nil {
			return runwith.Invocation{}, err
		}
		next, changed, err := to(r, ledger.Stored(v.now()))
		switch {
		case err != nil:
			return runwith.Invocation{}, err
		case !changed:
			return v.shown(r), nil
		}
		moved, err := v.store.Move(ctx, ledger.Move{From: r, To: next})
		switch {
		case errors.Is(err, store.ErrStale): // it has changed meanwhile: look again
		case err != nil:
			return runwith.Invocation{}, err
		default:
			v.next.moved(r, moved)
			return v.shown(moved), nil
		}
	}
}
