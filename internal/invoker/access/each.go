package access

import (
	"context"

	"github.com/runwith/runwith/internal/invoker"
)

// InvokeEach implements [api.Invocations]. The policy decides about each request by itself.
func (a *Access) InvokeEach(ctx context.Context, job string, each []invoker.Request) ([]invoker.Started, error) {
	r := a.reader(ctx)
	if err := r.mayStart(job); err != nil {
		return nil, err
	}
	started := make([]invoker.Started, len(each))
	var (
		allowed []invoker.Request
		of      []int // the place of each
	)
	for i, q := range each {
		q.Job = job
		terms, err := r.Terms(r.who, job, q.Asked)
		if err != nil {
			s := &started[i]
			s.Invocation, s.Replayed, s.Err = a.repeated(ctx, r, q, err)
			continue
		}
		terms.Trace = q.Terms.Trace
		q.Terms = terms
		allowed, of = append(allowed, q), append(of, i)
	}
	if len(allowed) == 0 {
		return started, nil
	}
	answers, err := a.next.InvokeEach(ctx, job, allowed)
	for n, s := range answers {
		s.Invocation = r.shown(s.Invocation)
		started[of[n]] = s
	}
	return started, err
}
