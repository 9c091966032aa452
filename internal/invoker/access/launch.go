package access

import (
	"context"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/principal"
)

// Launch accepts a request of a trigger or a schedule, as [Access.Invoke] accepts a caller's.
// Its principal is the source. The rates of a caller who starts a schedule by hand count too. The
// invocation is unmasked.
func (a *Access) Launch(ctx context.Context, l invoker.Launch) (_ runwith.Invocation, replayed bool, err error) {
	caller := principal.From(ctx)
	ctx, q := requestOf(ctx, l)
	r := a.reader(ctx)
	if q.Terms, err = r.Terms(r.who, l.Job, l.Asked); err != nil {
		if i, found, lookup := a.launched(ctx, q); found || lookup != nil {
			return i, found, lookup
		}
		return runwith.Invocation{}, false, err
	}
	if l.Source.Manual {
		q.Terms.Buckets = append(q.Terms.Buckets, r.Buckets(caller, l.Job)...)
	}
	q.Terms.KeyKeep = l.KeyKeep
	if l.Slot.Key != "" && q.Terms.Slot.Key == "" { // the job's own rule decides
		q.Terms.Slot = l.Slot
	}
	return a.next.Invoke(ctx, q)
}

// Launched returns the invocation that has the key of a launch, and whether there is one. It
// starts nothing.
func (a *Access) Launched(ctx context.Context, l invoker.Launch) (_ runwith.Invocation, found bool, err error) {
	ctx, q := requestOf(ctx, l)
	return a.launched(ctx, q)
}

func (a *Access) launched(ctx context.Context, q invoker.Request) (_ runwith.Invocation, found bool, err error) {
	if q.Key == "" {
		return runwith.Invocation{}, false, nil
	}
	return a.next.Repeated(ctx, q)
}

// requestOf returns a launch as a request of its source, and a context with that principal.
func requestOf(ctx context.Context, l invoker.Launch) (context.Context, invoker.Request) {
	who := principal.Principal{Name: ledger.SourceName(&l.Source), Proof: principal.Configuration}
	return principal.With(ctx, who), invoker.Request{Job: l.Job, Key: l.Key, Asked: l.Asked, Source: &l.Source}
}
