package invoker

import (
	"context"
	"errors"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// cancelAgain is the wait before Cloud Run is asked again to cancel what still runs.
const cancelAgain = time.Minute

// canceller asks Cloud Run to cancel executions: those of running invocations whose
// cancellation was requested, and twins.
type canceller struct{ *base }

func (c *canceller) run() { c.next.cancel.run(c.base, "cancel", c.round) }

// round sends the cancels that are due.
func (c *canceller) round(now time.Time) result {
	due, next, err := c.store.Cancels(c.closing, ledger.Stored(now), maxCalls)
	if err != nil {
		return result{err: err}
	}
	twins, nextTwin, err := c.store.TwinsDue(c.closing, ledger.Stored(now), maxCalls)
	if err != nil {
		return result{err: err}
	}
	var errs []error // a cancel that cannot be noted would be sent again at once
	for _, r := range due {
		errs = append(errs, c.cancelOne(r))
	}
	for _, t := range twins {
		errs = append(errs, c.cancelTwin(t))
	}
	return result{more: len(due)+len(twins) > 0, next: ledger.Sooner(next, nextTwin), err: errors.Join(errs...)}
}

func (c *canceller) cancelOne(r ledger.Record) error {
	r, mine, err := c.claim(r)
	if err != nil || !mine {
		return err
	}
	err = c.owned(r)
	if err == nil {
		err = c.cancelExecution(r.Execution)
	}
	wait := cancelAgain
	if err != nil {
		wait = backoff.Jitter(ledger.Backoff(r.Postponed))
		c.logger.Warn("execution cannot be cancelled", "invocation", r.ID, "execution", r.Execution, "code", runwith.CodeOf(err), "error", err)
	}
	c.next.watch.add(r.Target)
	return c.move(r, r.Delayed(ledger.Stored(c.now().Add(wait))))
}

// claimFor is how long a process of a shared store has a cancel for itself.
const claimFor = 2 * readTimeout

// claim postpones a cancel in a shared store before it is sent, so that other processes do not
// send it too. It reports whether this process may send it.
func (c *canceller) claim(r ledger.Record) (_ ledger.Record, mine bool, err error) {
	if c.store.Alone() {
		return r, true, nil
	}
	to := r
	to.NotBefore = ledger.Stored(c.now().Add(claimFor))
	moved, err := c.store.Move(context.Background(), ledger.Move{From: r, To: to})
	if errors.Is(err, store.ErrStale) {
		return r, false, nil
	}
	return moved, err == nil, err
}

// claimTwin is claim for a twin. Two processes that look at the same moment both send its cancel,
// which does no harm.
func (c *canceller) claimTwin(t store.Twin) error {
	if c.store.Alone() {
		return nil
	}
	return c.store.PostponeTwin(context.Background(), t.Execution, ledger.Stored(c.now().Add(claimFor)))
}

// cancelTwin is done with a twin when Cloud Run has accepted the cancel, or has nothing
// to cancel.
func (c *canceller) cancelTwin(t store.Twin) error {
	if err := c.claimTwin(t); err != nil {
		return err
	}
	err := c.check(t.Execution, func(e *runpb.Execution) bool {
		id, marked := bornBy(e)
		return marked && id == t.Invocation
	})
	if err == nil {
		err = c.cancelExecution(t.Execution)
	}
	next := time.Time{}
	switch runwith.CodeOf(err) {
	case runwith.OK, runwith.NotFound, runwith.FailedPrecondition:
	default:
		c.logger.Warn("twin cannot be cancelled", "invocation", t.Invocation, "execution", t.Execution, "code", runwith.CodeOf(err), "error", err)
		next = ledger.Stored(c.now().Add(backoff.Jitter(ledger.Backoff(int(-c.until(t.Found) / time.Minute)))))
	}
	return c.store.PostponeTwin(context.Background(), t.Execution, next)
}

// owned returns nil if the execution with the record's name is still the record's own.
func (c *canceller) owned(r ledger.Record) error {
	if r.ExecutionUID == "" {
		return nil
	}
	return c.check(r.Execution, func(e *runpb.Execution) bool { return owns(r, e) })
}

// check returns nil if the execution with a name is the right one, so that no other invocation's
// is cancelled: Cloud Run may use the name of a deleted execution again.
func (c *canceller) check(name string, right func(*runpb.Execution) bool) error {
	var execution *runpb.Execution
	err := c.read(c.closing, &c.reads, urgent, func(ctx context.Context) (err error) {
		execution, err = c.cloud.Execution(ctx, name)
		return err
	})
	if err == nil && !right(execution) {
		return runwith.Errorf(runwith.NotFound, "execution %s was deleted, and another one has its name", name)
	}
	return err
}

func (c *canceller) cancelExecution(name string) error {
	ctx, cancel := context.WithTimeout(c.closing, readTimeout)
	defer cancel()
	_, err := c.cloud.CancelExecution(ctx, name)
	c.reach.told(err)
	return err
}

// twin counts an execution that was started beside the invocation's own, and hands it
// to the canceller.
func (b *base) twin(r ledger.Record, execution string) {
	added, err := b.store.AddTwin(context.Background(), store.Twin{Execution: execution, Invocation: r.ID, Found: ledger.Stored(b.now())})
	if err != nil {
		b.storeFailed("count a twin", err, "invocation", r.ID, "execution", execution)
	}
	if added {
		b.counters.twins.Inc()
		b.logger.Warn("an invocation was started twice, and its second execution is cancelled: Cloud Run took longer to show the first than --settle",
			"invocation", r.ID, "execution", r.Execution, "twin", execution)
		b.next.cancel.ring()
	}
}
