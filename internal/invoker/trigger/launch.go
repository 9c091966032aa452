package trigger

import (
	"context"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/invoker"
)

// launch starts the job for an event, or returns the invocation that has started for it.
func (s *Triggers) launch(ctx context.Context, t *trigger, e event, identity string) (runwith.Invocation, bool, error) {
	parameters, err := t.parameters(e)
	if err != nil {
		return runwith.Invocation{}, false, err
	}
	return s.starter.Launch(ctx, invoker.Launch{
		Source:  runwith.Source{Trigger: t.name, Event: identity},
		Job:     t.spec.Job,
		Key:     identity,
		KeyKeep: KeyKeep,
		Asked:   runwith.Request{Parameters: parameters},
	})
}

// permanent reports whether the same event would fail again. A missing permission of the
// server itself is not the event's fault.
func permanent(err error) bool {
	if cause.KindOf(err) == cause.DiskFull {
		return false
	}
	switch runwith.CodeOf(err) {
	case runwith.InvalidArgument, runwith.NotFound, runwith.AlreadyExists, runwith.FailedPrecondition, runwith.OutOfRange, runwith.Unimplemented:
		return true
	}
	return false
}
