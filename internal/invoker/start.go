package invoker

import (
	"context"
	"errors"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// answer is what a call that starts a job returned.
type answer struct {
	run      cloudrun.Run
	err      error
	deadline time.Time // of the call, by the machine's clock
	late     bool      // the deadline had passed before the call, so none was made
}

func (a answer) outcome() cloudrun.Outcome { return cloudrun.OutcomeOf(a.err) }

// errLate is why no call was made.
var errLate = &runwith.Error{Code: runwith.Unavailable, Err: cloudrun.ErrNotSent,
	Message: "this process was held up for longer than a call may take, so it has not called Cloud Run, and the job is started later"}

// start calls Cloud Run for a record that is starting on disk, and writes down the
// outcome. asked is when the store was asked for the record, by the machine's clock.
func (d *dispatcher) start(r ledger.Record, asked time.Time, probing bool) {
	d.queued(r)
	a := d.call(r, asked)
	if a.late {
		d.logger.Warn("job was not started", "invocation", r.ID, "job", r.Job, "attempt", r.Attempts, "error", a.err)
		d.record(r, a)
		return
	}
	d.reach.told(a.err)
	outcome := a.outcome()
	d.counters.called(outcome)
	switch {
	case outcome == cloudrun.NotStarted:
		d.pause(r, a.err)
	case probing:
		d.resume()
	}
	if outcome != cloudrun.Started {
		d.logger.Warn("job was not started", "invocation", r.ID, "job", r.Job, "attempt", r.Attempts, "outcome", outcome,
			"code", runwith.CodeOf(a.err), "error", a.err, "cause", errors.Unwrap(a.err))
	}
	d.record(r, a)
}

// call asks Cloud Run to start the job of a record that is starting on disk. Nothing
// else starts a job. It makes no call if the lease may have ended, because the process was
// stopped: another process may have called again since.
func (d *dispatcher) call(r ledger.Record, asked time.Time) answer {
	overrides, err := storedOverrides(r)
	if err != nil {
		return answer{err: err}
	}
	left := d.callTime(r, asked)
	if left <= 0 {
		return answer{err: errLate, late: true}
	}
	deadline := machineNow().Add(left)
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	ctx, span := d.calling(ctx, r)
	run, err := d.cloud.Run(ctx, r.Target, overrides)
	if id, marked := bornBy(run.Execution); marked && id != r.ID {
		err = errNotOurs(run.Execution.GetName())
	}
	span.End(err)
	return answer{run: run, err: err, deadline: deadline}
}

// errNotOurs is why an answer is not believed: nobody knows what the call has started.
func errNotOurs(execution string) error {
	return runwith.Errorf(runwith.Internal, "execution %s belongs to another invocation", execution)
}

// callTime returns how long a call may take, so that it ends before its lease. The lease began
// after the store was asked for it. So this process alone measures the time from then on, whatever
// it knows of the store's clock.
func (d *dispatcher) callTime(r ledger.Record, asked time.Time) time.Duration {
	return min(d.config.CallTimeout-overslept(asked), d.until(r.Lease)-callMargin)
}

// after returns the record as the outcome of its call leaves it.
func (d *dispatcher) after(r ledger.Record, a answer) ledger.Record {
	now := ledger.Stored(d.now())
	if a.late {
		return r.Returned(now)
	}
	switch a.outcome() {
	case cloudrun.Started:
		to := d.adopted(r, a.run.Execution)
		to.Operation = a.run.Operation
		return to
	case cloudrun.NotStarted:
		return r.Returned(now).Because(a.err)
	case cloudrun.Refused:
		return r.Refused(a.err, now)
	}
	// If the clock was put forward during the call, the deadline is later by it. If the process
	// was stopped, the request may have left only now.
	r.Lease = ledger.Later(r.Lease, ledger.Stored(now.Add(max(0, remaining(a.deadline)))))
	return r.Unknown(d.config.Settle)
}

// record writes an answer down. It retries until the answer is on disk or the invoker
// closes; until then the row says starting, which is the truth.
func (d *dispatcher) record(r ledger.Record, a answer) {
	for retry := newStoreRetry(); ; {
		to := d.after(r, a)
		moved, err := d.store.Move(context.Background(), ledger.Move{From: r, To: to})
		switch {
		case err == nil:
			d.next.moved(r, moved)
			return
		case errors.Is(err, store.ErrTaken):
			a.err = errNotOurs(to.Execution)
			continue
		case errors.Is(err, store.ErrStale):
			var again bool
			if r, again = d.overtaken(r, a); !again {
				return
			}
			continue
		}
		d.storeFailed("record", err, "invocation", r.ID, "state", to.State)
		if d.closing.Err() != nil {
			return
		}
		d.sleep(backoff.Jitter(retry.Next()))
	}
}

// overtaken decides about an answer whose row has changed meanwhile: somebody asked to
// cancel it, or a list was faster. It returns the row as it is now, and whether the
// answer still counts for it.
func (d *dispatcher) overtaken(r ledger.Record, a answer) (ledger.Record, bool) {
	now, err := d.store.Find(context.Background(), r.ID)
	if err != nil {
		d.storeFailed("record", err, "invocation", r.ID)
		return r, d.closing.Err() == nil && runwith.CodeOf(err) != runwith.NotFound
	}
	switch {
	case now.Execution == "" && now.State == runwith.StateStarting && now.Attempts == r.Attempts: // nobody has called since
		return now, true
	case a.outcome() != cloudrun.Started || now.Execution == a.run.Execution.GetName():
		return now, false
	case now.Execution == "" && !now.Ended():
		return now, true
	}
	d.twin(now, a.run.Execution.GetName())
	return now, false
}
