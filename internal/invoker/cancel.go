package invoker

import (
	"context"
	"errors"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
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
	err := c.owned(r)
	if err == nil {
		err = c.cancelExecution(r.Execution)
	}
	wait := cancelAgain
	if err != nil {
		wait = jitter(ledger.Backoff(r.Postponed))
		c.logger.Warn("execution cannot be cancelled", "invocation", r.ID, "execution", r.Execution, "code", runwith.CodeOf(err), "error", err)
	}
	c.next.watch.add(r.Target)
	return c.move(r, r.Delayed(ledger.Stored(c.now().Add(wait))))
}

// cancelTwin is done with a twin when Cloud Run has accepted the cancel, or has nothing
// to cancel.
func (c *canceller) cancelTwin(t store.Twin) error {
	err := c.cancelExecution(t.Execution)
	next := time.Time{}
	switch runwith.CodeOf(err) {
	case runwith.OK, runwith.NotFound, runwith.FailedPrecondition:
	default:
		c.logger.Warn("twin cannot be cancelled", "invocation", t.Invocation, "execution", t.Execution, "code", runwith.CodeOf(err), "error", err)
		next = ledger.Stored(c.now().Add(jitter(ledger.Backoff(int(-c.until(t.Found) / time.Minute)))))
	}
	return c.store.PostponeTwin(context.Background(), t.Execution, next)
}

// owned returns nil if the execution with the record's name is still the record's own, so
// that no other invocation's execution is cancelled.
func (c *canceller) owned(r ledger.Record) error {
	if r.ExecutionUID == "" {
		return nil
	}
	var execution *runpb.Execution
	err := c.read(c.closing, &c.reads, urgent, func(ctx context.Context) (err error) {
		execution, err = c.cloud.Execution(ctx, r.Execution)
		return err
	})
	if err == nil && !owns(r, execution) {
		return runwith.Errorf(runwith.NotFound, "execution %s was deleted, and another one has its name", r.Execution)
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
