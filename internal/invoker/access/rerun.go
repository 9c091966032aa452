package access

import (
	"context"
	"slices"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/policy"
)

// Rerun implements [api.Invocations].
func (a *Access) Rerun(ctx context.Context, again invoker.Rerun) (_ runwith.Invocation, replayed bool, err error) {
	s, err := a.see(ctx, again.ID)
	if err != nil {
		return runwith.Invocation{}, false, err
	}
	q, err := s.again(again)
	if err != nil {
		return runwith.Invocation{}, false, err
	}
	return a.start(ctx, s.reader, q)
}

// again returns the request that runs the invocation again, if the caller may do so.
func (s sight) again(again invoker.Rerun) (invoker.Request, error) {
	if err := s.mayRerun(again); err != nil {
		return invoker.Request{}, err
	}
	return again.Of(s.Invocation)
}

// mayRerun returns nil if the caller may run the invocation again with these changes. A whole
// request never mixes values: it keeps all of them, or none.
func (s sight) mayRerun(again invoker.Rerun) error {
	switch {
	case !s.has(s.Job, policy.Start):
		return s.denied(s.Job, policy.Start)
	case s.Request != nil && !again.Whole && !s.has(s.Job, policy.Values) && mixes(*s.Request, again.Changes):
		return runwith.Errorf(runwith.PermissionDenied, "%s needs the verb values for job %s to change some parameters, arguments or variables "+
			"of an invocation and keep the others: send all of them", s.who, s.Job)
	}
	return nil
}

// mixes reports whether a request has values after the changes that were sent, beside values
// that were not. The sent ones could make the job show the others.
func mixes(q, changes runwith.Request) bool {
	o, c := q.Overrides, changes.Overrides
	sent := len(changes.Parameters) > 0 || c.Args != nil || c.Env != nil || c.Containers != nil
	return sent && (lacks(changes.Parameters, q.Parameters) || len(o.Args) > 0 && c.Args == nil || len(o.Env) > 0 && c.Env == nil ||
		hasValues(o.Containers) && c.Containers == nil)
}

// lacks reports whether values do not have all the names of others.
func lacks(values, others map[string]any) bool {
	for name := range others {
		if _, ok := values[name]; !ok {
			return true
		}
	}
	return false
}

func hasValues(containers []runwith.ContainerOverride) bool {
	return slices.ContainsFunc(containers, func(c runwith.ContainerOverride) bool { return len(c.Args)+len(c.Env) > 0 })
}
