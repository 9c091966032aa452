package invoker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/changes"
	"github.com/runwith/runwith/internal/cloudrun"
)

const (
	// callTimeout bounds a call that starts a job.
	callTimeout = 60 * time.Second
	// readTimeout bounds a read of a job or an execution.
	readTimeout = 10 * time.Second
	// maxCalls is how many jobs are being started at once, maxPolls how many
	// executions are being read.
	maxCalls, maxPolls = 16, 16
)

// CloudRun is what the invoker asks of Cloud Run. Errors are a [runwith.Error];
// those of Run are judged by [cloudrun.OutcomeOf]. The methods may be called
// concurrently.
type CloudRun interface {
	// Run starts the job with the given ID. It sends at most one request.
	Run(ctx context.Context, job string, o *runpb.RunJobRequest_Overrides) (*runpb.Execution, error)
	// Job returns the job with the given ID, Jobs those of the location.
	Job(ctx context.Context, job string) (*runpb.Job, error)
	Jobs(ctx context.Context) iter.Seq2[*runpb.Job, error]
	// Execution returns the execution with the given resource name.
	Execution(ctx context.Context, name string) (*runpb.Execution, error)
	// LogEntries returns what the execution printed after the cursor.
	LogEntries(ctx context.Context, execution string, after cloudrun.Cursor) ([]runwith.LogLine, cloudrun.Cursor, error)
}

var _ CloudRun = (*cloudrun.Client)(nil)

// Config says what an [Invoker] works with.
type Config struct {
	// Path of the database file. Required.
	Path string
	// CloudRun is where the jobs are. Required; the invoker does not close it.
	CloudRun CloudRun
	// Logger takes what nobody is told as an error; nil drops it.
	// Overrides are never logged: they may hold secrets.
	Logger *slog.Logger
	// PollMin and PollMax bound how often an execution, and its log where it is
	// followed, is read: first after PollMin, then less and less often up to
	// PollMax. 0 is 100 ms and 5 s.
	PollMin, PollMax time.Duration
	// LogDelay is how long Cloud Logging may take to show a line. A log that is
	// followed is read for that long past the invocation's end. 0 is right for an
	// engine, which shows a line before the end of the task that printed it.
	LogDelay time.Duration
}

// Validate reports all faults.
func (c Config) Validate() error {
	var faults []error
	if c.Path == "" {
		faults = append(faults, errors.New("path: is required"))
	}
	if c.CloudRun == nil {
		faults = append(faults, errors.New("cloud run: is required"))
	}
	if c.PollMin < 0 || c.PollMax < 0 || c.LogDelay < 0 {
		faults = append(faults, errors.New("poll and delay: must not be negative"))
	}
	return errors.Join(faults...)
}

// Invoker accepts invocations, starts their jobs and watches them to their end.
// Its methods may be called concurrently.
type Invoker struct {
	config  Config
	cloud   CloudRun
	logger  *slog.Logger
	store   *store
	changes changes.Feed[string] // by invocation
	watched *watchlist
	queued  chan struct{} // holds one when the queue may have something new
	calls   chan struct{} // holds one for each job that is being started

	closing context.Context // the invoker's own life, not a request's
	close   context.CancelFunc
	work    sync.WaitGroup
}

// Open opens the database, brings its schema up to date and goes on with what it
// finds: what was accepted is dispatched, what was running is watched, and what
// was being started when the last process ended becomes unresolved. The caller
// closes the invoker.
func Open(ctx context.Context, config Config) (*Invoker, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("open invoker: %w", err)
	}
	config.PollMin = cmp.Or(config.PollMin, 100*time.Millisecond)
	config.PollMax = max(config.PollMin, cmp.Or(config.PollMax, 5*time.Second))
	v := &Invoker{
		config:  config,
		cloud:   config.CloudRun,
		logger:  cmp.Or(config.Logger, slog.New(slog.DiscardHandler)),
		watched: newWatchlist(config.PollMin),
		queued:  make(chan struct{}, 1),
		calls:   make(chan struct{}, maxCalls),
	}
	var err error
	if v.store, err = openStore(ctx, config.Path, v.changes.Publish); err != nil {
		return nil, err
	}
	if err := v.recover(ctx); err != nil {
		return nil, errors.Join(err, v.store.close())
	}
	v.closing, v.close = context.WithCancel(context.Background())
	v.work.Go(v.dispatch)
	v.work.Go(v.watch)
	return v, nil
}

// Close stops dispatching, waits for the calls under way, which end by their
// deadline, and records their answers. Waits and followed logs end with
// UNAVAILABLE.
func (v *Invoker) Close() error {
	v.close()
	v.work.Wait()
	return v.store.close()
}

// recover puts in order what an earlier process left.
func (v *Invoker) recover(ctx context.Context) error {
	parked, err := v.store.recover(ctx)
	if err != nil {
		return err
	}
	for _, r := range parked {
		v.logger.WarnContext(ctx, "invocation is unresolved", "invocation", r.ID, "job", r.Job, "reason", r.Error.Message)
	}
	running, err := v.store.inState(ctx, runwith.StateRunning)
	if err != nil {
		return err
	}
	for _, r := range running {
		v.watched.add(r.ID, r.Execution)
	}
	return nil
}

// stopping is what a wait is told when the invoker closes.
func stopping() error {
	return runwith.Errorf(runwith.Unavailable, "the server is stopping: ask again later")
}
