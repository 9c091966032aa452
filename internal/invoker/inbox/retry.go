package inbox

import (
	"context"
	"errors"
	"fmt"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/principal"
)

// Retry starts the job for a refused event, as its trigger is now, and returns the event. It
// returns an accepted event as it is. The key of the event is that of its first arrival, so
// the job starts once, however often it is retried.
//
// If the trigger still cannot start its job, the event keeps the new reason, and the error is
// FAILED_PRECONDITION. Other errors may pass.
func (b *Inbox) Retry(ctx context.Context, id string) (runwith.TriggerEvent, error) {
	e, err := b.store.Event(ctx, id)
	if runwith.CodeOf(err) == runwith.NotFound {
		return b.Event(ctx, id) // accepted at once
	}
	if err != nil || !e.Waits() {
		return whole(e), err
	}
	started, _, err := b.triggers.Retry(ctx, e)
	if err != nil {
		return runwith.TriggerEvent{}, b.refusedAgain(ctx, e, err)
	}
	if err := b.store.SettleEvent(ctx, id, started.ID, ledger.Stored(b.store.Now())); err != nil {
		return runwith.TriggerEvent{}, err
	}
	b.log.InfoContext(ctx, "event retried", "trigger", e.Trigger, "event", e.ID, "invocation", started.ID, "by", principal.From(ctx).String())
	return b.Event(ctx, id)
}

// refusedAgain keeps the reason why an event is still refused, and returns the answer.
func (b *Inbox) refusedAgain(ctx context.Context, e ledger.RefusedEvent, err error) error {
	if passes(err) {
		return err
	}
	why := apierror.Public(err)
	if kept := b.store.RefuseEvent(ctx, e.ID, why.Code.String(), why.Error()); kept != nil {
		return kept
	}
	return &runwith.Error{Code: runwith.FailedPrecondition, Err: err, Message: fmt.Sprintf(
		"event %s is still refused: %s", e.ID, why.Error())}
}

// passes reports whether an error may be another one, or none, the next time.
func passes(err error) bool {
	e, ok := errors.AsType[*runwith.Error](err)
	if !ok {
		return true
	}
	if cause.KindOf(err) == cause.BudgetExhausted {
		return false
	}
	switch e.Code {
	case runwith.InvalidArgument, runwith.NotFound, runwith.AlreadyExists, runwith.FailedPrecondition, runwith.OutOfRange, runwith.Unimplemented, runwith.PermissionDenied:
		return false
	}
	return true
}
