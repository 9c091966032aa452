package access

import (
	"context"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/policy"
)

// Budgets implements [api.Budgets]. Callers who do not operate the server see the budgets that
// count them alone.
func (a *Access) Budgets(ctx context.Context, _ string) ([]runwith.Budget, error) {
	r := a.reader(ctx)
	switch {
	case r.has(policy.EveryJob, policy.Operate):
		return a.next.Budgets(ctx, "")
	case r.who.Name == "":
		return nil, r.denied(policy.EveryJob, policy.Operate)
	}
	return a.next.Budgets(ctx, r.who.Name)
}
