package main

import (
	"context"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// flagTerms is an invoker without a configuration file: only flags bound the requests.
type flagTerms struct {
	delivering
	slots map[string]ledger.Slot // by job
}

// Invoke implements [api.Invocations].
func (f flagTerms) Invoke(ctx context.Context, q invoker.Request) (_ runwith.Invocation, replayed bool, err error) {
	if len(q.Asked.Parameters) > 0 {
		return runwith.Invocation{}, false, runwith.Errorf(runwith.InvalidArgument,
			"parameters: job %s has none, because this server has no configuration file: leave them out, or use args and env", q.Job)
	}
	q.Terms = invoker.Unrestricted(q.Asked)
	q.Terms.Slot = f.slots[q.Job]
	if q.Terms.Subscribers, err = f.sender.Current().Subscribers(q.Job, q.Asked.Labels, q.Asked.Callback); err != nil {
		return runwith.Invocation{}, false, err
	}
	return f.Invoker.Invoke(ctx, q)
}
