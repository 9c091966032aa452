package access

import (
	"context"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/policy"
)

// Tasks implements [api.Invocations]. Who sees the invocation sees its tasks.
func (a *Access) Tasks(ctx context.Context, id string) ([]runwith.Task, error) {
	if _, err := a.see(ctx, id); err != nil {
		return nil, err
	}
	return a.next.Tasks(ctx, id)
}

// Changes implements [api.Invocations]. Values are for readers with the verb values.
func (a *Access) Changes(ctx context.Context, id string) ([]runwith.Change, error) {
	s, err := a.see(ctx, id)
	if err != nil {
		return nil, err
	}
	changes, err := a.next.Changes(ctx, id)
	if s.has(s.Job, policy.Values) {
		return changes, err
	}
	for i, c := range changes {
		if c.Field == "args" || c.Field == "env" {
			changes[i].Job, changes[i].Run = maskArgs(c.Job), maskArgs(c.Run)
		}
	}
	return changes, err
}
