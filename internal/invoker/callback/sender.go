package callback

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/bell"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

const (
	// maxUnderWay bounds the attempts that are under way to all endpoints.
	maxUnderWay = 256
	// maxSlow bounds those to endpoints that do not answer, so that others have places left.
	maxSlow = maxUnderWay / 2
	// takeAtOnce is how many deliveries are taken from the store in one transaction.
	takeAtOnce = 512
	// leaseTime is how long deliveries are taken for. It covers a queue of several slow
	// attempts. A crash delays the deliveries that were taken by as much.
	leaseTime = 2 * time.Minute
	// idle is how often the store is asked without a reason.
	idle = time.Minute
	// storeRetry is the wait after the store failed.
	storeRetry = time.Second
	// closeTime is how long attempts have to end when the sender closes.
	closeTime = 5 * time.Second
)

// Store keeps the deliveries.
type Store interface {
	store.Outbox
	// Now returns the time by the store's clock.
	Now() time.Time
	// Alone reports whether this process has the store to itself.
	Alone() bool
}

// Config is what a [Sender] works with.
type Config struct {
	// Store is required; the sender does not close it.
	Store Store
	// Endpoints are where events go; nil: nowhere. [Sender.Use] replaces them, but not the
	// ranges that they allow.
	Endpoints *Endpoints
	// Logger takes the errors that no caller gets; nil drops them.
	Logger *slog.Logger
	// Version is the program's, for the header User-Agent.
	Version string
	// Timeout bounds an attempt. 0 is 20 s.
	Timeout time.Duration
	// Attempted is called after each attempt, with why it failed. It must not block. It may
	// be nil.
	Attempted func(d ledger.Delivery, began, ended time.Time, failure error)

	// For tests: how receivers are found and trusted, or a stand-in for the client.
	dialing dialing
	attempt func(context.Context, target, ledger.Delivery) outcome
}

// Sender delivers events. Its methods may be called concurrently.
type Sender struct {
	store     Store
	logger    *slog.Logger
	client    *client
	attempt   func(context.Context, target, ledger.Delivery) outcome
	timeout   time.Duration
	attempted func(d ledger.Delivery, began, ended time.Time, failure error) // may be nil
	counters  *counters
	endpoints atomic.Pointer[Endpoints]
	changed   atomic.Bool // the endpoints have changed; take looks for deliveries without one

	closing, attempting context.Context // attempts outlive closing for a while
	close, abort        context.CancelFunc

	bell    bell.Bell // holds one when the store may have deliveries that are due
	asks    bell.Asks // each is closed when nothing is left to do
	results chan result
	places  chan struct{} // one element for each attempt under way
	slow    chan struct{} // and for each of those to endpoints that do not answer
	takes   sync.WaitGroup
	workers sync.WaitGroup
	settles sync.WaitGroup

	refreshed time.Time // when take has read the health of endpoints

	mu        sync.Mutex
	lanes     map[string]*lane
	unsettled int // attempts under way, and results that are not in the store yet
}

// result is an attempt with its outcome.
type result struct {
	delivery ledger.Delivery // as it was before the attempt
	outcome  outcome
	ended    time.Time
}

// Open begins to deliver the deliveries in the store. The caller closes the sender.
func Open(ctx context.Context, c Config) (*Sender, error) {
	if c.Store == nil {
		return nil, errors.New("open callbacks: store: is required")
	}
	endpoints := c.Endpoints
	if endpoints == nil {
		endpoints, _ = New(Rules{}) // no rule, no fault
	}
	s := &Sender{
		attempted: c.Attempted,
		store:     c.Store, logger: cmp.Or(c.Logger, slog.New(slog.DiscardHandler)), timeout: cmp.Or(c.Timeout, defaultTimeout),
		counters: newCounters(), bell: bell.New(), asks: make(bell.Asks), results: make(chan result, maxUnderWay),
		places: make(chan struct{}, maxUnderWay), slow: make(chan struct{}, maxSlow), lanes: map[string]*lane{},
	}
	s.client = newClient(endpoints.checker, s.timeout, c.Version, c.dialing)
	s.client.now = s.store.Now
	s.attempt = s.client.attempt
	if c.attempt != nil {
		s.attempt = c.attempt
	}
	s.endpoints.Store(endpoints)
	known, err := s.store.Endpoints(ctx)
	if err != nil {
		return nil, fmt.Errorf("open callbacks: %w", err)
	}
	for _, health := range known {
		s.lanes[health.Name] = newLane(health)
	}
	s.changed.Store(true) // they may have since the last process
	s.closing, s.close = context.WithCancel(context.Background())
	s.attempting, s.abort = context.WithCancel(context.Background())
	s.takes.Go(s.take)
	s.settles.Go(s.settle)
	return s, nil
}

// Use replaces the endpoints. Deliveries to endpoints that are gone end as failed.
func (s *Sender) Use(e *Endpoints) {
	s.endpoints.Store(e)
	s.changed.Store(true)
	s.Ring()
}

// Current returns the endpoints in use.
func (s *Sender) Current() *Endpoints { return s.endpoints.Load() }

// Ring makes the sender look for due deliveries in the store. It never blocks.
func (s *Sender) Ring() {
	s.bell.Ring()
}

// Deliver returns when no delivery is due, or when ctx ends.
func (s *Sender) Deliver(ctx context.Context) {
	s.asks.Wait(ctx, s.closing.Done())
}

// Close ends the sender. Attempts have some seconds to end. Deliveries that were not attempted
// go back to the store.
func (s *Sender) Close() error {
	s.close()
	s.takes.Wait()
	timer := time.AfterFunc(closeTime, s.abort)
	s.workers.Wait()
	timer.Stop()
	s.abort()
	for _, r := range s.left() {
		s.results <- r
	}
	close(s.results)
	s.settles.Wait()
	s.client.close()
	return nil
}

// lane returns the lane with this name. s.mu is held.
func (s *Sender) lane(name string) *lane {
	l, ok := s.lanes[name]
	if !ok {
		l = newLane(ledger.Endpoint{Name: name})
		s.lanes[name] = l
	}
	return l
}

// storeFailed logs an error of the store, unless the sender closes, and waits.
func (s *Sender) storeFailed(what string, err error) {
	if s.closing.Err() == nil {
		s.logger.Error("callbacks: "+what, "error", err)
	}
	_ = backoff.Sleep(s.closing, backoff.Jitter(storeRetry))
}
