package access

import (
	"context"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/policy"
)

// Rights are what a caller may do with an invocation that it sees.
type Rights struct {
	Cancel, Resolve bool
	// Rerun means that the caller may start the job.
	Rerun bool
	// Values means that it sees values of parameters, arguments and variables.
	Values bool
}

// Rights returns what the caller may do with an invocation that it sees. It is for what a page
// shows: each method checks again.
func (a *Access) Rights(ctx context.Context, i runwith.Invocation) Rights {
	s := sight{reader: a.reader(ctx), Invocation: i}
	own, err := a.owns(ctx, s)
	return Rights{
		Cancel:  err == nil && own || s.has(i.Job, policy.Cancel),
		Resolve: s.has(i.Job, policy.Operate),
		Rerun:   s.has(i.Job, policy.Start),
		Values:  s.has(i.Job, policy.Values),
	}
}

// Can reports whether the caller has a verb for a job.
func (a *Access) Can(ctx context.Context, job string, v policy.Verb) bool {
	return a.reader(ctx).has(job, v)
}
