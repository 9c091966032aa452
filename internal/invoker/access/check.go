package access

import (
	"context"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
)

// Check returns the error with which the policy would refuse a request to start a job, or nil.
// It starts nothing, and asks Cloud Run nothing, so a start may still be refused.
func (a *Access) Check(ctx context.Context, job string, asked runwith.Request) error {
	r := a.reader(ctx)
	if err := r.mayStart(job); err != nil {
		return err
	}
	_, err := r.Terms(r.who, job, asked)
	return err
}

// CheckRerun is [Access.Check] for a request to run an invocation again.
func (a *Access) CheckRerun(ctx context.Context, again invoker.Rerun) error {
	s, err := a.see(ctx, again.ID)
	if err != nil {
		return err
	}
	q, err := s.again(again)
	if err != nil {
		return err
	}
	_, err = s.Terms(s.who, q.Job, q.Asked)
	return err
}
