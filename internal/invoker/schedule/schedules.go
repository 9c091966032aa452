package schedule

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/bell"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/lease"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

const (
	// maxStarts bounds how many slots are handled at the same time.
	maxStarts = 32
	// startTime bounds one attempt to start a slot.
	startTime = time.Minute
	// idle is how often the clock is read without a reason: it may have been set, or the machine
	// may have slept.
	idle = 30 * time.Second
	// idleShared is how often a store is read that other processes change too.
	idleShared = time.Second
	// storeRetry is the wait after the store failed.
	storeRetry = time.Second
	// setBack is how far a cursor may be in the future. Beyond that, the clock was wrong when it
	// was set.
	setBack = 24 * time.Hour
)

// Starter starts the jobs of slots.
type Starter interface {
	// Launch accepts a request of a schedule. A repeat with the same key returns the invocation
	// that has it.
	Launch(ctx context.Context, l invoker.Launch) (_ runwith.Invocation, replayed bool, err error)
	// Launched returns the invocation that has the key of a launch, and whether there is one. The
	// error is ALREADY_EXISTS if that one asked for something else.
	Launched(ctx context.Context, l invoker.Launch) (_ runwith.Invocation, found bool, err error)
}

// Store is what schedules need of a store.
type Store interface {
	store.Schedules
	// List returns invocations, newest first.
	List(ctx context.Context, q store.Query) ([]ledger.Record, error)
	// The store's clock tells when slots are due.
	store.Shared
}

// Config is what [Schedules] work with.
type Config struct {
	// Store and Starter are required.
	Store   Store
	Starter Starter
	// Policy returns the policy of the moment; nil, or a function that returns nil, checks
	// nothing.
	Policy func() Policy
	// Plans are those of the configuration. Configured means that there is one: schedules that
	// it does not have are forgotten.
	Plans      map[string]*Plan
	Configured bool
	// Ready is closed when earlier invocations are known; nil: they are.
	Ready <-chan struct{}
	// Ephemeral means that the store may be lost with the process.
	Ephemeral bool
	// Logger takes the errors that no caller gets; nil drops them.
	Logger *slog.Logger
}

// Schedules start jobs by the clock. Their methods may be called concurrently.
type Schedules struct {
	config   Config
	logger   *slog.Logger
	now      func() time.Time
	counters *counters

	leases *lease.Keeper

	closing context.Context
	close   context.CancelFunc
	loops   sync.WaitGroup
	bell    bell.Bell   // holds one when the plans may have changed
	asks    bell.Asks   // each is closed when no slot is due
	done    chan *entry // entries that were handled

	making  sync.Mutex // held while schedules are made, deleted, or read from the store
	mu      sync.Mutex
	plans   map[string]*Plan // of the configuration
	changed bool             // the store has to be read
	driving bool             // this process handles slots; it alone does
	entries map[string]*entry
	moved   []*entry // whose wake time has changed from outside of the loop
}

// entry is a schedule in memory. Its fields need the lock; index belongs to the loop.
type entry struct {
	plan    *Plan
	row     ledger.Schedule
	wake    time.Time // zero: never
	busy    bool      // a slot is handled
	again   bool      // look again when that is done
	gone    bool      // no longer a schedule
	tries   int       // of the slot, in a row
	trouble error     // why the slot could not start yet
	index   int       // in the queue; -1: not there
}

// Open reads the states of the schedules, and begins to start jobs. If the store cannot be read
// or written yet, that is tried again later. The caller closes the schedules.
func Open(c Config) (*Schedules, error) {
	if c.Store == nil || c.Starter == nil {
		return nil, errors.New("open schedules: store and starter: are required")
	}
	logger := cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	s := &Schedules{
		config: c, logger: logger, now: c.Store.Now, counters: newCounters(), leases: lease.New(c.Store, logger),
		bell: bell.New(), asks: make(bell.Asks), done: make(chan *entry, maxStarts),
		plans: c.Plans, changed: true, entries: map[string]*entry{},
	}
	s.closing, s.close = context.WithCancel(context.Background())
	s.load()
	s.loops.Go(s.run)
	s.loops.Go(func() { s.leases.Run(s.closing) })
	return s, nil
}

// load reads the store before anybody asks, so that no schedule is missing at first.
func (s *Schedules) load() {
	s.drive()
	if err := s.sync(s.closing); err != nil {
		s.logger.Error("schedules: cannot read the store, so it is tried again", "error", err)
		return
	}
	s.changed = false
}

// leaseName is the lease of the process that handles slots.
const leaseName = "schedules"

// drive asks for the lease, and notes whether this process has it.
func (s *Schedules) drive() {
	held := s.leases.Hold(s.closing, leaseName)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = s.changed || held && !s.driving
	s.driving = held
}

// drives reports whether this process handles slots.
func (s *Schedules) drives() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.driving
}

// Use replaces the schedules of the configuration.
func (s *Schedules) Use(plans map[string]*Plan) {
	s.mu.Lock()
	s.plans, s.changed = plans, true
	s.mu.Unlock()
	s.ring()
}

// ring wakes the loop after a change.
func (s *Schedules) ring() {
	s.bell.Ring()
}

// Start returns when no slot is due, or when ctx ends.
func (s *Schedules) Start(ctx context.Context) {
	s.leases.AskAgain()
	s.asks.Wait(ctx, s.closing.Done())
}

// Close ends the schedules. Slots that are being handled are finished, or handled again by the
// next process.
func (s *Schedules) Close() error {
	s.close()
	s.loops.Wait()
	return nil
}
