package invoker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// Invoker accepts invocations, starts their jobs and watches them to their end. Its
// methods may be called concurrently. The package documentation draws its parts.
type Invoker struct {
	*base
	accepting   *accepter
	dispatching *dispatcher
	checking    *checker
	watching    *watcher
	awaiting    *awaiter
	explaining  *explainer
	cancelling  *canceller
	rebuilding  *rebuilder
	keeping     *keeper
	pricing     *pricer
	tasks       *taskCache

	logReads *gate
	logPages chan struct{} // one element for each page in memory
	close    context.CancelFunc
	work     sync.WaitGroup
}

// Open continues with what it finds in the store: it searches for accepted invocations
// and dispatches them, watches running ones, and finds out what became of the calls
// that were out when the last process ended. The caller closes the invoker.
func Open(ctx context.Context, config Config) (*Invoker, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("open invoker: %w", err)
	}
	v := newInvoker(config.complete())
	if err := v.begin(ctx); err != nil {
		v.close()
		return nil, fmt.Errorf("open invoker: %w", err)
	}
	return v, nil
}

// newInvoker makes the parts. None of them does anything yet.
func newInvoker(config Config) *Invoker {
	v := &Invoker{
		base:     newBase(config),
		logReads: &gate{name: logsGate, quota: config.Limits.Logs},
		logPages: make(chan struct{}, maxLogPages),
	}
	v.closing, v.close = context.WithCancel(context.Background())
	jobs := &jobCache{read: v.readJob}
	v.dispatching = newDispatcher(v.base, &v.work)
	v.awaiting = newAwaiter(v.base, &v.work)
	v.explaining = newExplainer(v.base, v.awaiting, v.logReads)
	v.awaiting.explaining = v.explaining
	v.watching = &watcher{base: v.base, calls: &v.dispatching.calls, awaiting: v.awaiting, explaining: v.explaining}
	v.rebuilding = &rebuilder{base: v.base, watching: v.watching, done: make(chan struct{})}
	v.accepting = &accepter{base: v.base, jobs: jobs, rebuilding: v.rebuilding, dispatching: v.dispatching}
	v.checking = &checker{base: v.base, jobs: jobs}
	v.cancelling = &canceller{base: v.base}
	v.keeping = &keeper{base: v.base}
	v.pricing = newPricer(v.base, jobs)
	v.tasks = &taskCache{read: v.readTasks}
	return v
}

// begin recovers what an earlier process left, and starts the parts.
func (v *Invoker) begin(ctx context.Context) error {
	opened := v.now()
	origin, err := v.store.Origin(ctx)
	if err != nil {
		return err
	}
	if err := v.recover(ctx, opened, origin); err != nil {
		return err
	}
	for _, part := range []func(){v.dispatching.run, v.checking.run, v.watching.run, v.cancelling.run, v.explaining.run, v.keeping.run, v.pricing.run} {
		v.work.Go(part)
	}
	v.work.Go(func() { v.rebuilding.run(opened, origin) })
	v.work.Go(func() { v.leases.Run(v.closing) })
	return nil
}

// recover voids the leases of an earlier process, and tells the watcher what to watch.
func (v *Invoker) recover(ctx context.Context, opened time.Time, origin store.Origin) error {
	from := v.now()
	if origin.Restored { // another process may have called just now
		from = from.Add(v.config.unsettled())
	}
	asOf, err := v.store.Recover(ctx, ledger.Stored(from), v.config.Settle)
	if err != nil {
		return err
	}
	v.watching.past = ledger.Past{AsOf: ledger.Earlier(asOf, opened), Restored: origin.Restored, Call: v.config.lease()}
	jobs, err := v.store.WatchedJobs(ctx)
	for _, job := range jobs {
		v.next.watch.add(job)
	}
	return err
}

// Close stops dispatching, waits for the calls that are out, which end by their
// deadline, and records their outcomes. Waits and followed logs end with UNAVAILABLE.
func (v *Invoker) Close() error {
	v.close()
	v.awaiting.close()
	v.work.Wait()
	return nil
}

// stopping is the error of a wait that ends because the invoker closes.
func stopping() error {
	return runwith.Errorf(runwith.Unavailable, "the server is stopping: ask again later")
}

var _ CloudRun = (*cloudrun.Client)(nil)
