package access

import (
	"context"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/policy"
)

// Usage implements [api.Usage]. Callers see the usage of the invocations that they see.
func (a *Access) Usage(ctx context.Context, q invoker.UsageQuery) (runwith.UsageReport, error) {
	q.Visible = a.reader(ctx).visible()
	return a.next.Usage(ctx, q)
}

// Estimate implements [api.Usage]. It refuses what a start would refuse, except for parameters,
// which do not change the estimate.
func (a *Access) Estimate(ctx context.Context, q invoker.EstimateQuery) (runwith.JobEstimate, error) {
	r := a.reader(ctx)
	switch {
	case !r.Sees(r.who, q.Job):
		return runwith.JobEstimate{}, policy.NoJob(q.Job)
	case !r.has(q.Job, policy.Start):
		return runwith.JobEstimate{}, r.denied(q.Job, policy.Start)
	}
	var err error
	if q.Terms, err = r.EstimateTerms(q.Job, q.Asked); err != nil {
		return runwith.JobEstimate{}, err
	}
	q.Visible = r.visible()
	return a.next.Estimate(ctx, q)
}
