package access

import (
	"context"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/principal"
)

// Launch accepts a request of a trigger or a schedule, as [Access.Invoke] accepts a caller's.
// Its principal is the source. The invocation is unmasked.
func (a *Access) Launch(ctx context.Context, l invoker.Launch) (_ runwith.Invocation, replayed bool, err error) {
	who := principal.Principal{Name: ledger.SourceName(&l.Source), Proof: principal.Configuration}
	ctx = principal.With(ctx, who)
	q := invoker.Request{Job: l.Job, Key: l.Key, Asked: l.Asked, Source: &l.Source}
	r := a.reader(ctx)
	if q.Terms, err = r.Terms(who, l.Job, l.Asked); err != nil {
		return a.repeated(ctx, r, q, err)
	}
	q.Terms.KeyKeep, q.Terms.StartAt = l.KeyKeep, ledger.Later(q.Terms.StartAt, l.NotBefore)
	if l.Slot.Key != "" && q.Terms.Slot.Key == "" { // the job's own rule decides
		q.Terms.Slot = l.Slot
	}
	return a.next.Invoke(ctx, q)
}
