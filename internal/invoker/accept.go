package invoker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/tracing"
)

// Invoke accepts a request to start a job. The invocation that it returns is on disk;
// its job is started a moment later. A request that repeats an earlier one, with the
// same key of the same principal, returns that invocation as it is now.
//
// Invoke validates the request against the job first. The error is NOT_FOUND if there
// is no such job, INVALID_ARGUMENT if the overrides are wrong, FAILED_PRECONDITION if
// runwith cannot start the job, ALREADY_EXISTS if the key stands for another request,
// ABORTED if all slots are taken and it may not wait, RESOURCE_EXHAUSTED if too many requests
// were accepted lately or a budget has no room for its worst case, UNAVAILABLE if the job cannot
// be read and a budget needs that; Cloud Run's PERMISSION_DENIED is passed on. Then nothing is
// accepted, and the key stays free. If Cloud Run cannot be asked now, Invoke accepts the
// invocation all the same; it is checked later, and may be refused then.
func (v *Invoker) Invoke(ctx context.Context, q Request) (_ runwith.Invocation, replayed bool, err error) {
	ctx, span := v.config.Tracer.Start(ctx, tracing.Internal, acceptSpan, "runwith.job", q.Job)
	r, replayed, err := v.accepting.invoke(ctx, q)
	span.Set("runwith.invocation", r.ID)
	span.End(err)
	return v.shown(r), replayed, err
}

// accepter puts requests on disk.
type accepter struct {
	*base
	jobs        *jobCache
	rebuilding  *rebuilder  // says when all keys are known
	dispatching *dispatcher // is told of bursts, and says when the queue goes on
	ids         ledger.IDs
}

func (a *accepter) invoke(ctx context.Context, q Request) (_ ledger.Record, replayed bool, err error) {
	r, err := a.newRecord(ctx, q)
	if err != nil {
		return ledger.Record{}, false, err
	}
	if before, found, err := a.repeatAhead(ctx, r); found || err != nil {
		a.counters.replay(before, found)
		return before, found, err
	}
	if err := a.fit(ctx, &r, q.Terms.Overrides, a.jobs.job); err != nil {
		return a.repeatOr(ctx, r, err)
	}
	accepted, replayed, err := a.accept(ctx, r, q.Terms)
	switch {
	case err != nil:
		return a.repeatOr(ctx, r, err)
	case replayed || !a.config.Ephemeral:
		return accepted, replayed, nil
	}
	return a.confirmed(ctx, accepted)
}

// repeatAhead looks for the invocation that has the record's key if Cloud Run must be asked for
// the job: a repeat does not wait for Cloud Run. If the job is in the cache, the transaction of
// the insert looks for the key soon enough, and one look is cheaper than two.
func (a *accepter) repeatAhead(ctx context.Context, r ledger.Record) (before ledger.Record, found bool, err error) {
	if a.jobs.fresh(r.Target) {
		return r, false, a.keyKnown(r)
	}
	return a.repeat(ctx, r)
}

// repeatOr answers a refused request: with the invocation that it repeats, or with the refusal.
// The transaction of the insert may not have looked for the key: if the job does not take the
// overrides, it never began, and on a full disk it did not end.
func (a *accepter) repeatOr(ctx context.Context, r ledger.Record, refusal error) (ledger.Record, bool, error) {
	before, found, err := a.repeat(ctx, r)
	switch {
	case err != nil:
		return ledger.Record{}, false, err
	case found:
		a.counters.replay(before, true)
		return before, true, nil
	}
	return ledger.Record{}, false, refusal
}

// repeat looks for the invocation that has the record's key. The look that counts is in the
// transaction of the insert.
func (a *accepter) repeat(ctx context.Context, r ledger.Record) (before ledger.Record, found bool, err error) {
	if err := a.keyKnown(r); err != nil || r.Key == "" {
		return r, false, err
	}
	before, err = a.store.FindKey(ctx, r.Owner, r.Key)
	if runwith.CodeOf(err) == runwith.NotFound {
		return r, false, nil
	}
	if err == nil {
		found, err = r.Repeats(before, r.Created)
	}
	if !found || err != nil {
		return r, false, err
	}
	return before, true, nil
}

// keyKnown returns UNAVAILABLE if the record has a key, and not every earlier key is known.
func (a *accepter) keyKnown(r ledger.Record) error {
	if r.Key == "" {
		return nil
	}
	return a.rebuilding.keysKnown()
}

// jobReader reads the job of a target.
type jobReader func(ctx context.Context, target string) (*runpb.Job, error)

// fit gives the record its overrides as they are stored, validated against the job if
// that can be read.
func (a *accepter) fit(ctx context.Context, r *ledger.Record, o runwith.Overrides, read jobReader) error {
	overrides, err := overridesOf(o)
	if err != nil {
		return err
	}
	job, err := read(ctx, r.Target)
	switch {
	case err == nil:
		*r, err = a.fitTo(job, *r, overrides)
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case cloudrun.OutcomeOf(err) == cloudrun.Refused:
		return err
	}
	a.logger.WarnContext(ctx, "job cannot be read, so its invocation is checked later",
		"invocation", r.ID, "job", r.Job, "code", runwith.CodeOf(err), "error", err)
	if _, err := jobspec.ApplyOverrides(standIn(overrides), overrides); err != nil {
		return spelled(overrides, err)
	}
	r.Overrides, err = encode(overrides)
	return err
}

// admissionOf returns the rule for accepting a record.
func (a *accepter) admissionOf(r ledger.Record, t Terms) ledger.Admission {
	return ledger.Admission{Now: r.Created, Overflow: t.Slot.Overflow, Rates: t.Buckets, Budgets: a.config.Budgets(), Impatient: a.config.Ephemeral}
}

// accept puts the record on disk, and hands it on.
func (a *accepter) accept(ctx context.Context, r ledger.Record, t Terms) (_ ledger.Record, replayed bool, err error) {
	admission := a.admissionOf(r, t)
	if a.config.Ephemeral && admission.Overflow != ledger.Replacing {
		admission.Overflow = ledger.Rejecting // nothing may wait in a store that may be lost
	}
	a.dispatching.burst.enter()
	accepted, err := a.store.Accept(ctx, r, admission)
	a.dispatching.burst.leave()
	if err != nil {
		return r, false, err
	}
	a.next.accepted(accepted)
	return accepted.Record, accepted.Replayed, nil
}

// confirmed waits until the invocation's start is confirmed. It withdraws what cannot
// be started at once, because nothing may wait in a store that may be lost.
func (a *accepter) confirmed(ctx context.Context, r ledger.Record) (_ ledger.Record, replayed bool, err error) {
	for {
		changed, leave := a.store.Subscribe(r.ID)
		now, err := a.store.Find(ctx, r.ID)
		switch {
		case err == nil && now.Waiting():
			err = a.waitOrWithdraw(ctx, now, changed)
		case err == nil && now.State == runwith.StateStarting:
			err = a.await(ctx, changed)
		default:
			leave()
			return now, false, err
		}
		leave()
		if err != nil {
			return ledger.Record{}, false, err
		}
	}
}

// await returns nil when the invocation has changed.
func (b *base) await(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-b.closing.Done():
		return stopping()
	}
}

// patience is how long an invocation may wait if the store is ephemeral.
const patience = 2 * time.Second

// waitOrWithdraw returns nil when there may be something new. Once the invocation has
// waited long enough, or its call was refused, it is withdrawn.
func (a *accepter) waitOrWithdraw(ctx context.Context, r ledger.Record, changed <-chan struct{}) error {
	left := patience + a.until(r.Created)
	if left > 0 && r.Postponed == 0 {
		timer := time.NewTimer(left)
		defer timer.Stop()
		select {
		case <-changed:
			return nil
		case <-timer.C:
			return nil
		case <-ctx.Done():
		case <-a.closing.Done():
		}
	}
	withdrawn, err := a.store.Withdraw(context.WithoutCancel(ctx), r.ID)
	if err == nil && withdrawn {
		return errors.Join(ctx.Err(), &runwith.Error{Code: runwith.ResourceExhausted, Err: askAgainIn(a.until(a.dispatching.reopens())),
			Message: fmt.Sprintf("job %s cannot be started now, and this server keeps nothing that waits: ask again later", r.Job)})
	}
	return err
}
