package access

import (
	"context"
	"fmt"
	"slices"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/policy"
	"github.com/runwith/runwith/internal/principal"
)

// Tasks implements [api.Invocations]. Who sees the invocation sees its tasks.
func (a *Access) Tasks(ctx context.Context, id string) ([]runwith.Task, error) {
	if _, err := a.see(ctx, id); err != nil {
		return nil, err
	}
	return a.next.Tasks(ctx, id)
}

// Changes implements [api.Invocations]. Values are for readers with the verb values. Those of
// variables that the request does not have are the configuration's or the job's, and may be
// secrets: they are for the local user, who has both on this machine.
func (a *Access) Changes(ctx context.Context, id string) ([]runwith.Change, error) {
	s, err := a.see(ctx, id)
	if err != nil {
		return nil, err
	}
	changes, err := a.next.Changes(ctx, id)
	values, local := s.has(s.Job, policy.Values), s.who.Proof == principal.Local
	for i, c := range changes {
		known := c.Field != "env" || asked(s.Request, c)
		if c.Field != "args" && c.Field != "env" || values && local {
			continue
		}
		if !values || !known {
			changes[i].Run = maskArgs(c.Run)
		}
		if !values || c.Field == "env" {
			changes[i].Job = maskArgs(c.Job)
		}
	}
	return changes, err
}

// asked reports whether a request has the value of a variable: as a variable or a parameter.
func asked(q *runwith.Request, c runwith.Change) bool {
	if q == nil || len(c.Run) != 1 {
		return false
	}
	for _, value := range q.Parameters {
		if fmt.Sprint(value) == c.Run[0] {
			return true
		}
	}
	for _, o := range slices.Concat(q.Overrides.Containers, []runwith.ContainerOverride{{Env: q.Overrides.Env}}) {
		if value, ok := o.Env[c.Name]; ok && value == c.Run[0] {
			return true
		}
	}
	return false
}
