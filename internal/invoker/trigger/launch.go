package trigger

import (
	"context"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/invoker"
)

// launch starts the job for an event, or returns the invocation that has started for it. An
// event that is refused, or that the mapping of today cannot map, may have started one before.
func (s *Triggers) launch(ctx context.Context, t *trigger, e event, identity string, refusal error) (runwith.Invocation, bool, error) {
	l := invoker.Launch{
		Source: runwith.Source{Trigger: t.name, Event: identity}, Job: t.spec.Job, Key: identity, KeyKeep: KeyKeep,
	}
	if refusal == nil {
		l.Asked.Parameters, refusal = t.parameters(e)
	}
	if refusal == nil {
		return s.starter.Launch(ctx, l)
	}
	before, found, err := s.starter.Launched(ctx, l)
	if !found && err == nil {
		err = refusal
	}
	return before, found, err
}

// permanent reports whether the same event would fail again. A missing permission of the
// server itself is not the event's fault. An exhausted budget may stay so for weeks.
func permanent(err error) bool {
	switch cause.KindOf(err) {
	case cause.DiskFull:
		return false
	case cause.BudgetExhausted:
		return true
	}
	switch runwith.CodeOf(err) {
	case runwith.InvalidArgument, runwith.NotFound, runwith.AlreadyExists, runwith.FailedPrecondition, runwith.OutOfRange, runwith.Unimplemented:
		return true
	}
	return false
}
