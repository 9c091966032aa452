package invoker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/changes"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
)

const (
	// readTimeout bounds a read of a job or of a page of executions, and a cancel.
	readTimeout = 10 * time.Second
	// maxCalls is how many jobs are being started at once, maxPolls of how many
	// the executions are being read.
	maxCalls, maxPolls = 16, 16
	// watchTwins is how long lists are read for late twins.
	watchTwins = time.Hour
)

// Defaults of [Config].
const (
	DefaultSettle      = 60 * time.Second
	DefaultCallTimeout = 60 * time.Second
	DefaultKeep        = 90 * 24 * time.Hour
	DefaultJobReads    = Quota(60)
)

// Config says what an [Invoker] works with.
type Config struct {
	// Path of the database file. Required.
	Path string
	// CloudRun is where the jobs are. Required; the invoker does not close it.
	CloudRun CloudRun
	// Logger takes what nobody is told as an error; nil drops it.
	// Overrides are never logged: they may hold secrets.
	Logger *slog.Logger

	// Limits bound what is under way, and how fast.
	Limits Limits
	// CallTimeout bounds a call that starts a job. 0 is 60 s.
	CallTimeout time.Duration
	// Settle is how long after that Cloud Run may take to show an execution that
	// the call has started. 0 is 60 s.
	Settle time.Duration
	// Keep is how long invocations that have ended are kept. 0 is 90 days.
	Keep time.Duration
	// Rebuild says when a store is filled from what Cloud Run has. Empty is
	// RebuildAuto.
	Rebuild Rebuild
	// Ephemeral is for a file that does not last: an invocation is accepted only
	// once its start is confirmed, none waits, and the store is rebuilt at each
	// start.
	Ephemeral bool

	// PollMin and PollMax bound how often an execution, and its log where it is
	// followed, is read: first after PollMin, then less and less often up to
	// PollMax. 0 is 100 ms and 5 s.
	PollMin, PollMax time.Duration
	// JobReads bounds the reads that watching one job costs in a minute. 0 is 60.
	JobReads Quota
	// LogDelay is how long Cloud Logging may take to show a line. A log that is
	// followed is read for that long past the invocation's end. 0 is right for an
	// engine, which shows a line before the end of the task that printed it.
	LogDelay time.Duration
}

// Validate reports all faults.
func (c Config) Validate() error {
	faults := c.Limits.faults()
	if c.Path == "" {
		faults = append(faults, errors.New("path: is required"))
	}
	if c.CloudRun == nil {
		faults = append(faults, errors.New("cloud run: is required"))
	}
	if min(c.PollMin, c.PollMax, c.LogDelay) < 0 {
		faults = append(faults, errors.New("poll and delay: must not be negative"))
	}
	if min(c.CallTimeout, c.Settle, c.Keep) < 0 || c.JobReads < 0 {
		faults = append(faults, errors.New("call timeout, settle, keep and job reads: must not be negative"))
	}
	switch c.Rebuild {
	case "", RebuildAuto, RebuildAlways, RebuildNever:
	default:
		faults = append(faults, fmt.Errorf("rebuild %q: must be auto, always or never", c.Rebuild))
	}
	return errors.Join(faults...)
}

// complete returns the configuration with its defaults.
func (c Config) complete() Config {
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	c.CallTimeout = cmp.Or(c.CallTimeout, DefaultCallTimeout)
	c.Settle = cmp.Or(c.Settle, DefaultSettle)
	c.Keep = cmp.Or(c.Keep, DefaultKeep)
	c.Rebuild = cmp.Or(c.Rebuild, RebuildAuto)
	c.PollMin = cmp.Or(c.PollMin, 100*time.Millisecond)
	c.PollMax = max(c.PollMin, cmp.Or(c.PollMax, 5*time.Second))
	c.JobReads = cmp.Or(c.JobReads, DefaultJobReads)
	if c.Ephemeral {
		c.Rebuild = RebuildAlways
	}
	return c
}

// Invoker accepts invocations, starts their jobs and watches them to their end.
// Its methods may be called concurrently.
type Invoker struct {
	config  Config
	cloud   CloudRun
	logger  *slog.Logger
	store   Store
	changes changes.Feed[string] // by invocation
	jobs    jobCache
	watched *watchlist
	reads   *gate
	logs    *gate
	reach   reach
	rebuilt chan struct{} // closed when every key is known
	knows   atomic.Int64  // when that will be, where it is known; micros
	past    past
	slots   map[string]int
	opens   atomic.Int64 // when the queue goes on that could not last; micros
	accepts atomic.Int32 // requests that are being put on disk
	calling sync.Map     // IDs of the invocations whose call is under way here
	ticks   ticks

	// Each holds one when there may be something new for its loop.
	queued, unchecked, cancelling chan struct{}
	calls                         chan struct{} // holds one for each job that is being started

	closing context.Context // the invoker's own life, not a request's
	close   context.CancelFunc
	work    sync.WaitGroup
}

// Open opens the database, brings its schema up to date and goes on with what it
// finds: what was accepted is searched for and dispatched, what was running is
// watched, and what was being started when the last process ended is found out.
// The caller closes the invoker.
func Open(ctx context.Context, config Config) (*Invoker, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("open invoker: %w", err)
	}
	v := newInvoker(config.complete())
	store, err := OpenSQLite(ctx, config.Path, v.changes.Publish)
	if err != nil {
		return nil, err
	}
	if err := v.begin(ctx, store); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return v, nil
}

// newInvoker makes an invoker that does nothing yet.
func newInvoker(config Config) *Invoker {
	v := &Invoker{
		config:     config,
		cloud:      config.CloudRun,
		logger:     config.Logger,
		watched:    newWatchlist(config),
		reads:      &gate{name: "reads", quota: config.Limits.Reads},
		logs:       &gate{name: "logs", quota: config.Limits.Logs},
		rebuilt:    make(chan struct{}),
		slots:      config.Limits.slots(),
		queued:     make(chan struct{}, 1),
		unchecked:  make(chan struct{}, 1),
		cancelling: make(chan struct{}, 1),
		calls:      make(chan struct{}, maxCalls),
	}
	v.jobs.read = v.readJob
	v.closing, v.close = context.WithCancel(context.Background())
	return v
}

// begin goes on with what an earlier process left.
func (v *Invoker) begin(ctx context.Context, store Store) error {
	v.store = store
	r, err := v.newRebuilding(ctx)
	if err != nil {
		return err
	}
	if err := v.recover(ctx, r); err != nil {
		return err
	}
	for _, loop := range []func(){v.dispatch, v.check, v.watch, v.cancel, v.keep} {
		v.work.Go(loop)
	}
	v.work.Go(func() { v.rebuild(r) })
	return nil
}

// recover puts in order what an earlier process left.
func (v *Invoker) recover(ctx context.Context, r rebuilding) error {
	from := time.Now()
	if r.restored { // who called last may have done so just now
		from = from.Add(v.config.CallTimeout + v.config.Settle)
	}
	asOf, err := v.store.Recover(ctx, stored(from), v.config.Settle)
	if err != nil {
		return err
	}
	v.past = past{asOf: earlier(asOf, r.opened), restored: r.restored}
	jobs, err := v.store.WatchedJobs(ctx)
	for _, job := range jobs {
		v.watched.add(job)
	}
	return err
}

// Close stops dispatching, waits for the calls under way, which end by their
// deadline, and records their answers. Waits and followed logs end with
// UNAVAILABLE.
func (v *Invoker) Close() error {
	v.close()
	v.work.Wait()
	return v.store.Close()
}

// stopping is what a wait is told when the invoker closes.
func stopping() error {
	return runwith.Errorf(runwith.Unavailable, "the server is stopping: ask again later")
}

var _ CloudRun = (*cloudrun.Client)(nil)
