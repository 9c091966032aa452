package access

import (
	"context"
	"slices"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/policy"
)

// Invoke implements [api.Invocations].
func (a *Access) Invoke(ctx context.Context, q invoker.Request) (_ runwith.Invocation, replayed bool, err error) {
	r := a.reader(ctx)
	if err := r.mayStart(q.Job); err != nil {
		return runwith.Invocation{}, false, err
	}
	return a.start(ctx, r, q)
}

// mayStart returns nil if the caller may start a job.
func (r reader) mayStart(job string) error {
	switch {
	case !r.Sees(r.who, job):
		return policy.NoJob(job)
	case !r.has(job, policy.Start):
		return r.denied(job, policy.Start)
	}
	return nil
}

// start accepts a request for a job that the caller may start.
func (a *Access) start(ctx context.Context, r reader, q invoker.Request) (_ runwith.Invocation, replayed bool, err error) {
	terms, err := r.Terms(r.who, q.Job, q.Asked)
	if err != nil {
		return a.repeated(ctx, r, q, err)
	}
	terms.Trace = q.Terms.Trace
	q.Terms = terms
	i, replayed, err := a.next.Invoke(ctx, q)
	return r.shown(i), replayed, err
}

// repeated answers a request that the policy refuses. If an earlier policy has accepted it,
// a repetition gets that invocation, because its caller may have missed the answer.
func (a *Access) repeated(ctx context.Context, r reader, q invoker.Request, refusal error) (_ runwith.Invocation, replayed bool, err error) {
	if q.Key == "" {
		return runwith.Invocation{}, false, refusal
	}
	if i, found, err := a.next.Repeated(ctx, q); err == nil && found {
		return r.shown(i), true, nil
	}
	return runwith.Invocation{}, false, refusal
}

// Invocation implements [api.Invocations].
func (a *Access) Invocation(ctx context.Context, id string) (runwith.Invocation, error) {
	s, err := a.see(ctx, id)
	return s.shown(s.Invocation), err
}

// Wait implements [api.Invocations].
func (a *Access) Wait(ctx context.Context, id string) (runwith.Invocation, error) {
	s, err := a.see(ctx, id)
	if err != nil {
		return runwith.Invocation{}, err
	}
	i, err := a.next.Wait(ctx, id)
	return s.shown(i), err
}

// Invocations implements [api.Invocations]. The store selects what the caller may see, so
// pages are full.
func (a *Access) Invocations(ctx context.Context, f invoker.Filter) (page []runwith.Invocation, next string, err error) {
	r := a.reader(ctx)
	f.Visible = r.visible()
	page, next, err = a.next.Invocations(ctx, f)
	for i := range page {
		page[i] = r.shown(page[i])
	}
	return page, next, err
}

// nobody is a name that no caller can have.
const nobody = "\x00"

// visible returns what the caller sees of the invocations.
func (r reader) visible() *invoker.Visibility {
	if r.seesAll(policy.EveryJob) {
		return &invoker.Visibility{All: true}
	}
	v := &invoker.Visibility{Owner: r.who.Name}
	if v.Owner == "" {
		v.Owner = nobody
	}
	v.Jobs = slices.DeleteFunc(r.Jobs(), func(job string) bool { return !r.seesAll(job) })
	return v
}

// Cancel implements [api.Decisions]. Callers may cancel what they have started.
func (a *Access) Cancel(ctx context.Context, id string) (runwith.Invocation, error) {
	s, err := a.see(ctx, id)
	if err != nil {
		return runwith.Invocation{}, err
	}
	if !s.own && !s.has(s.Job, policy.Cancel) {
		return runwith.Invocation{}, s.denied(s.Job, policy.Cancel)
	}
	i, err := a.next.Cancel(ctx, id)
	return s.shown(i), err
}

// Resolve implements [api.Decisions].
func (a *Access) Resolve(ctx context.Context, id string, d invoker.Decision) (runwith.Invocation, error) {
	s, err := a.see(ctx, id)
	if err != nil {
		return runwith.Invocation{}, err
	}
	if !s.has(s.Job, policy.Operate) {
		return runwith.Invocation{}, s.denied(s.Job, policy.Operate)
	}
	i, err := a.next.Resolve(ctx, id, d)
	return s.shown(i), err
}

// Tick implements [api.Upkeep].
func (a *Access) Tick(ctx context.Context) (invoker.Outstanding, error) {
	if err := a.Operates(ctx); err != nil {
		return invoker.Outstanding{}, err
	}
	return a.next.Tick(ctx)
}

// Operates returns nil if the caller may operate the server: if it has that verb on every
// job.
func (a *Access) Operates(ctx context.Context) error {
	if r := a.reader(ctx); !r.has(policy.EveryJob, policy.Operate) {
		return r.denied(policy.EveryJob, policy.Operate)
	}
	return nil
}
