package main

import (
	"context"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// flagTerms is an invoker without a configuration file: flags bound the requests.
type flagTerms struct {
	*delivering
	slots map[string]ledger.Slot // by job
}

// Invoke implements [access.Invoker].
func (f flagTerms) Invoke(ctx context.Context, q invoker.Request) (_ runwith.Invocation, replayed bool, err error) {
	if slot, bounded := f.slots[q.Job]; bounded {
		q.Terms.Slot = slot
	}
	return f.Invoker.Invoke(ctx, q)
}

// InvokeEach implements [access.Invoker].
func (f flagTerms) InvokeEach(ctx context.Context, job string, each []invoker.Request) ([]invoker.Started, error) {
	for i := range each {
		each[i].Terms.Slot = f.slots[job]
	}
	return f.Invoker.InvokeEach(ctx, job, each)
}
