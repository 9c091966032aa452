package invoker

import (
	"context"
	"sync"
	"time"

	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// runsBucket is the bucket of the calls that start jobs.
const runsBucket = "runs"

// dispatcher takes what is due from the queue and starts it.
type dispatcher struct {
	*base
	burst burst
	calls calls
	work  *sync.WaitGroup // of the invoker, which waits for calls when it closes

	budgets ledger.Budgets // of the last round
	month   int            // of the last round; 0: there was none

	mu      sync.Mutex
	open    time.Time    // when the queue goes on; in the past: it does
	holds   ledger.Holds // of the last look at the queue
	refusal error        // why the queue is paused; nil if an earlier process knew
}

func newDispatcher(b *base, work *sync.WaitGroup) *dispatcher {
	return &dispatcher{base: b, calls: newCalls(), work: work}
}

func (d *dispatcher) run() { d.next.dispatch.run(d.base, "dispatch", d.round) }

// round starts as much as calls, slots and quotas allow.
func (d *dispatcher) round(time.Time) result {
	d.giveWay()
	free := d.calls.reserve(d.closing)
	if free == 0 { // the invoker closes
		return result{}
	}
	asked := machineNow()
	take := ledger.Take{
		Now: ledger.Stored(d.now()), Call: d.config.lease(), Limit: free,
		Runs: runsBucket, Quota: d.config.Limits.Runs, Rates: d.config.Rates(), Budgets: d.config.Budgets(),
	}
	take.Reconsider = d.reconsiders(take)
	taken, err := d.store.Take(d.closing, take)
	if err == nil {
		d.budgets, d.month = take.Budgets, ledger.MonthOf(take.Now)
	}
	for _, m := range taken.Refused {
		d.next.moved(m.From, m.To)
	}
	d.calls.release(free - len(taken.Records))
	d.held(taken.Holds, err)
	var started sync.WaitGroup
	for _, r := range taken.Records {
		d.calls.begin(r.ID)
		started.Add(1)
		d.work.Go(func() {
			defer started.Done()
			defer d.calls.end(r.ID)
			d.start(r, asked, taken.Probing)
		})
	}
	if taken.Probing {
		started.Wait() // it shows whether Cloud Run takes calls again
	}
	if len(taken.Records) == 0 && !taken.Next.IsZero() {
		d.reopenAt(taken.Next)
	}
	return result{more: len(taken.Records) > 0, next: taken.Next, err: err}
}

// reconsiders reports whether those that wait for a budget may have room because the budgets or
// the month have changed, or because an earlier process knew others.
func (d *dispatcher) reconsiders(t ledger.Take) bool {
	return d.month != ledger.MonthOf(t.Now) || !d.budgets.Equal(t.Budgets)
}

// reopens returns when the queue goes on.
func (d *dispatcher) reopens() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open
}

// held notes what a look at the queue found.
func (d *dispatcher) held(h ledger.Holds, err error) {
	if err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !h.Quota.IsZero() && !h.Quota.Equal(d.holds.Quota) {
		d.counters.waits.Inc(runsBucket)
	}
	d.holds = h
}

// holding returns what holds back the queue, and the refusal that paused it, which may be
// nil.
func (d *dispatcher) holding() (ledger.Holds, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.holds, d.refusal
}

func (d *dispatcher) reopenAt(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open = at
}

// pause stops the queue after a refusal that concerns no single invocation: quota,
// credentials, no connection. All keep their places.
func (d *dispatcher) pause(r ledger.Record, cause error) {
	next, err := d.store.Pause(context.Background(), runsBucket, ledger.Stored(d.now()), cloudrun.RetryAfter(cause))
	if err != nil {
		d.storeFailed("pause", err, "invocation", r.ID)
		return
	}
	d.counters.waits.Inc(runsBucket)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open, d.refusal, d.holds.Paused = next, cause, next
}

// resume lets the queue go on.
func (d *dispatcher) resume() {
	if err := d.store.Resume(context.Background(), runsBucket); err != nil {
		d.storeFailed("resume", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refusal, d.holds.Paused = nil, time.Time{}
}
