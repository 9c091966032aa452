package invoker

import (
	"context"
	"errors"
	"sync"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

const (
	// holdFor is how long Cloud Run is asked to hold a request for the end of an execution.
	holdFor = 30 * time.Second
	// holdsAtLeast is how long a Cloud Run that holds requests does so. One that answers
	// sooner, although nothing has ended, is polled instead for noHoldFor.
	holdsAtLeast = 5 * time.Second
	noHoldFor    = 10 * time.Minute

	// maxHeld is the maximum of requests that Cloud Run holds at once. maxHeldUnasked is the
	// maximum for executions that no caller waits for.
	maxHeld, maxHeldUnasked = 1024, 256
	// maxHeldOfJob is the maximum for each job if Cloud Run has a quota, because a request
	// costs a read every holdFor. For more executions, a list costs fewer reads.
	maxHeldOfJob = 8
)

// awaiter learns of the ends of executions at once: Cloud Run holds a request until the
// operation of the run is done. The awaiter does that for executions that a caller waits
// for and, on an engine, also for others. The pollers read all other executions, and
// seldom those of the awaiter too. Its methods may be called concurrently.
type awaiter struct {
	*base
	work       *sync.WaitGroup // of the invoker
	explaining *explainer

	mu      sync.Mutex
	closed  bool
	callers map[string]int       // by invocation: how many wait for its end
	held    map[string]bool      // by invocation
	ofJob   map[string]int       // number of held ones by job
	notYet  map[string]time.Time // by invocation: when its request may be held again
	noHold  time.Time            // until then Cloud Run holds nothing
}

func newAwaiter(b *base, work *sync.WaitGroup) *awaiter {
	return &awaiter{
		base: b, work: work,
		callers: map[string]int{}, held: map[string]bool{}, ofJob: map[string]int{}, notYet: map[string]time.Time{},
	}
}

// expect notes that a caller waits for the invocation, until the returned function is
// called.
func (a *awaiter) expect(id string) (leave func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.callers[id]++
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.callers[id]--; a.callers[id] == 0 {
			delete(a.callers, id)
		}
	}
}

// expected reports whether a caller waits for the invocation.
func (a *awaiter) expected(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.callers[id] > 0
}

// holds reports whether Cloud Run holds a request for the invocation's end.
func (a *awaiter) holds(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.held[id]
}

// begin starts a request for the end of a running record, unless it has one, or a limit
// forbids it.
func (a *awaiter) begin(r ledger.Record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.admits(r, machineNow()) {
		return
	}
	a.held[r.ID] = true
	a.ofJob[r.Target]++
	a.work.Go(func() {
		defer a.end(r)
		a.hold(r)
	})
}

func (a *awaiter) admits(r ledger.Record, now time.Time) bool {
	most, called := maxHeldUnasked, a.callers[r.ID] > 0
	if called {
		most = maxHeld
	}
	switch {
	case a.closed, r.State != runwith.StateRunning, r.Operation == "", a.held[r.ID]:
		return false
	case now.Before(a.noHold), now.Before(a.notYet[r.ID]):
		return false
	case a.config.Local:
		return len(a.held) < most
	}
	return called && len(a.held) < most && a.ofJob[r.Target] < maxHeldOfJob
}

// wanted reports whether the awaiter sends another request for the invocation.
func (a *awaiter) wanted(id string) bool {
	return a.closing.Err() == nil && (a.config.Local || a.expected(id))
}

// end notes that the record has no request any more. The poller then reads it.
func (a *awaiter) end(r ledger.Record) {
	a.mu.Lock()
	delete(a.held, r.ID)
	if a.ofJob[r.Target]--; a.ofJob[r.Target] == 0 {
		delete(a.ofJob, r.Target)
	}
	a.mu.Unlock()
	a.next.watch.add(r.Target)
}

// close makes the awaiter begin nothing any more.
func (a *awaiter) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
}

// hold holds requests, one after the other, until the execution has ended.
func (a *awaiter) hold(r ledger.Record) {
	for a.wanted(r.ID) {
		began := machineNow()
		execution, err := a.request(r)
		switch {
		case a.closing.Err() != nil:
			return
		case err != nil:
			a.failed(r, err)
			return
		case a.record(r.ID, execution):
			return
		case elapsed(began) < holdsAtLeast:
			a.pause(noHoldFor)
			return
		}
	}
}

// request sends one request. It is a read like others, and urgent.
func (a *awaiter) request(r ledger.Record) (execution *runpb.Execution, err error) {
	a.next.watch.spend(r.Target)
	ctx, cancel := context.WithTimeout(a.closing, holdFor+readTimeout)
	defer cancel()
	err = a.ask(ctx, &a.reads, urgent, func(ctx context.Context) (err error) {
		execution, err = a.cloud.AwaitEnd(ctx, r.Operation, holdFor)
		return err
	})
	return execution, err
}

// failed notes that a request failed. That is never an end: the poller goes on.
func (a *awaiter) failed(r ledger.Record, err error) {
	wait := time.Second
	switch runwith.CodeOf(err) {
	case runwith.Unimplemented, runwith.PermissionDenied:
		a.pause(noHoldFor)
	case runwith.NotFound: // the operation was deleted
		wait = noHoldFor
	}
	a.logger.Debug("the end of an execution cannot be awaited, and is polled instead", "invocation", r.ID,
		"code", runwith.CodeOf(err), "error", err)
	a.mu.Lock()
	defer a.mu.Unlock()
	now := machineNow()
	for id, until := range a.notYet {
		if now.After(until) {
			delete(a.notYet, id)
		}
	}
	a.notYet[r.ID] = now.Add(wait)
}

// pause has executions polled for some time.
func (a *awaiter) pause(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.noHold = machineNow().Add(d)
}

// record writes down what an answer shows, and reports whether nothing is left to wait for.
func (a *awaiter) record(id string, execution *runpb.Execution) (done bool) {
	if execution == nil {
		return false
	}
	for {
		row, err := a.store.Find(a.closing, id)
		if err != nil || row.State != runwith.StateRunning || row.Execution != execution.GetName() || !owns(row, execution) {
			return true
		}
		next := row.Observed(a.explaining.status(row, execution), ledger.Stored(a.now()))
		if sameStatus(row, next) {
			return false
		}
		moved, err := a.store.Move(a.closing, ledger.Move{From: row, To: next})
		switch {
		case errors.Is(err, store.ErrStale): // somebody asked to cancel it, or a poller was faster
			continue
		case err != nil:
			a.storeFailed("record the execution", err, "invocation", id)
			return true
		}
		a.next.moved(row, moved)
		a.explaining.told(moved, execution)
		return moved.Ended()
	}
}
