package invoker

import (
	"context"
	"maps"

	"github.com/runwith/runwith"
)

// Rerun asks to run an invocation again, as a new one.
type Rerun struct {
	// ID is that invocation's.
	ID string
	// Key is the caller's Idempotency-Key; empty is none.
	Key string
	// Changes replace fields of its request. Parameters are merged by name.
	Changes runwith.Request
	// Whole means that Changes are the whole request: nothing of the earlier one is kept,
	// except what the next two fields name.
	Whole bool
	// KeepValues keeps parameters, arguments and variables of the earlier request, instead of
	// those of Changes; KeepCallback keeps its callback. Both need Whole. A caller who may not
	// see these can keep them so.
	KeepValues, KeepCallback bool
}

// Of returns the request that runs an invocation again. FAILED_PRECONDITION means that its
// request is unknown.
func (r Rerun) Of(origin runwith.Invocation) (Request, error) {
	if origin.Request == nil {
		return Request{}, runwith.Errorf(runwith.FailedPrecondition,
			"invocation %s was read back from its execution, so its request is unknown: start job %s with a new request", origin.ID, origin.Job)
	}
	q := Request{Job: origin.Job, Key: r.Key, RerunOf: origin.ID, Changes: r.Changes}
	if r.Whole {
		q.Asked, q.Kept = r.whole(*origin.Request), r.kept()
		return q, nil
	}
	q.Asked = changed(*origin.Request, r.Changes)
	return q, nil
}

// whole returns the request of a rerun that sends all of it.
func (r Rerun) whole(origin runwith.Request) runwith.Request {
	q := r.Changes
	if r.KeepValues {
		q.Parameters = origin.Parameters
		q.Overrides.Args, q.Overrides.Env, q.Overrides.Containers = origin.Overrides.Args, origin.Overrides.Env, origin.Overrides.Containers
	}
	if r.KeepCallback {
		q.Callback = origin.Callback
	}
	return q
}

// kept names what a whole request keeps, so that a repeat keeps the same.
func (r Rerun) kept() string {
	kept := "whole"
	if r.KeepValues {
		kept += " values"
	}
	if r.KeepCallback {
		kept += " callback"
	}
	return kept
}

// changed returns a request after changes. The time to start is not carried over.
func changed(q, changes runwith.Request) runwith.Request {
	if len(changes.Parameters) > 0 {
		q.Parameters = merged(q.Parameters, changes.Parameters)
	}
	if changes.Labels != nil {
		q.Labels = changes.Labels
	}
	if changes.Callback != nil {
		q.Callback = changes.Callback
	}
	q.StartAt = changes.StartAt
	q.Overrides = overridden(q.Overrides, changes.Overrides)
	return q
}

func overridden(o, changes runwith.Overrides) runwith.Overrides {
	if changes.Args != nil {
		o.Args = changes.Args
	}
	if changes.Env != nil {
		o.Env = changes.Env
	}
	if changes.Containers != nil {
		o.Containers = changes.Containers
	}
	if changes.TaskCount != 0 {
		o.TaskCount = changes.TaskCount
	}
	if changes.Timeout != 0 {
		o.Timeout = changes.Timeout
	}
	return o
}

func merged(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, b)
	return all
}

// Rerun accepts a request to run an invocation again, as [Invoker.Invoke] accepts one.
func (v *Invoker) Rerun(ctx context.Context, r Rerun) (_ runwith.Invocation, replayed bool, err error) {
	origin, err := v.Invocation(ctx, r.ID)
	if err != nil {
		return runwith.Invocation{}, false, err
	}
	q, err := r.Of(origin)
	if err != nil {
		return runwith.Invocation{}, false, err
	}
	q.Terms = Unrestricted(q.Asked)
	return v.Invoke(ctx, q)
}
