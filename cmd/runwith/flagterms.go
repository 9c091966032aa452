package main

import (
	"context"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// flagTerms is an invoker without a configuration file: only flags bound the requests.
type flagTerms struct {
	*invoker.Invoker
	slots map[string]ledger.Slot // by job
}

// Invoke implements [api.Invocations].
func (f flagTerms) Invoke(ctx context.Context, q invoker.Request) (_ runwith.Invocation, replayed bool, err error) {
	switch {
	case len(q.Asked.Parameters) > 0:
		return runwith.Invocation{}, false, runwith.Errorf(runwith.InvalidArgument,
			"parameters: job %s has none, because this server has no configuration file: leave them out, or use args and env", q.Job)
	case q.Asked.Callback != nil:
		return runwith.Invocation{}, false, runwith.Errorf(runwith.InvalidArgument,
			"callback: this server has no configuration file that allows it: leave it out")
	}
	q.Terms = invoker.Unrestricted(q.Asked)
	q.Terms.Slot = f.slots[q.Job]
	return f.Invoker.Invoke(ctx, q)
}
