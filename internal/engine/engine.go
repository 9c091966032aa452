package engine

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/changes"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/tasklog"
	"github.com/runwith/runwith/internal/sqlite"
)

// Database is the file of the engine's state in its data folder.
const Database = "engine.db"

// Defaults of [Config].
const (
	DefaultMaxTasks = 64
	// DefaultGrace is how long a task has between SIGTERM and SIGKILL.
	// https://cloud.google.com/run/docs/container-contract#jobs-exit-codes
	DefaultGrace = 10 * time.Second
)

// Config configures an engine. Dir, Runner and Logs are required.
type Config struct {
	// Dir is the data folder; the engine's database is engine.db in it.
	Dir string
	// Runner places the attempts of tasks.
	Runner runner.Runner
	// Logs keeps the output of tasks. The engine closes neither Runner nor Logs.
	Logs *tasklog.Store
	// MaxTasks is how many tasks run at once; 0 is the runner's capacity, or
	// DefaultMaxTasks if it states none.
	MaxTasks int
	// KeepExecutions is the number of ended executions that are kept of each job; 0 is
	// DefaultKeepExecutions.
	KeepExecutions int
	// Grace is how long a task that is stopped has to end; 0 is DefaultGrace.
	Grace time.Duration
	// FailInterrupted fails the attempt of a task that was interrupted because the engine,
	// or the Pod or machine under it, stopped. By default the attempt runs again.
	FailInterrupted bool
	// StopTasks ends every task when the engine closes. By default tasks that outlive
	// the engine, such as containers, keep running, and the next Open adopts them.
	StopTasks bool
	// ServiceAccount is the account of jobs that name none, and the creator of all jobs
	// and executions, because the engine authenticates nobody. Empty sets neither.
	ServiceAccount string
	// Fault returns the fault of an execution of the job with that resource name. It is
	// called once for each execution, in the order in which they are stored. Nil, the
	// default, injects none.
	Fault func(job string) Fault
	// Progress is called when an execution has started and when it has ended, in the
	// order of the commits. It must neither block nor change the execution. Nil is not
	// called.
	Progress func(*runpb.Execution)
	// Logger is for operators; nil discards.
	Logger *slog.Logger
}

// Validate reports every fault of the configuration.
func (c Config) Validate() error {
	var faults []error
	if c.Dir == "" {
		faults = append(faults, errors.New("config.Dir: is required"))
	}
	if c.Runner == nil {
		faults = append(faults, errors.New("config.Runner: is required"))
	}
	if c.Logs == nil {
		faults = append(faults, errors.New("config.Logs: is required"))
	}
	if c.MaxTasks < 0 {
		faults = append(faults, fmt.Errorf("config.MaxTasks: is %d, must be at least 1", c.MaxTasks))
	}
	if c.KeepExecutions < 0 {
		faults = append(faults, fmt.Errorf("config.KeepExecutions: is %d, must be at least 1", c.KeepExecutions))
	}
	if c.Grace < 0 {
		faults = append(faults, fmt.Errorf("config.Grace: is %v, must not be negative", c.Grace))
	}
	return errors.Join(faults...)
}

//go:embed schema
var schema embed.FS

// migrations are the files of the schema, in order. A released one never changes.
var migrations = [...]string{"schema/1.sql", "schema/2.sql", "schema/3.sql", "schema/4.sql"}

// Engine runs jobs. Its methods may be called concurrently.
type Engine struct {
	runner runner.Runner
	logs   *tasklog.Store
	grace  time.Duration
	keep   int
	fault  func(job string) Fault
	log    *slog.Logger

	account string // of jobs that name none

	progress func(*runpb.Execution) // may be nil

	stopTasks       bool
	failInterrupted bool
	detached        atomic.Int64 // attempts that keep running after Close

	db        *sqlite.DB
	counters  *counters
	jobs      jobCache
	runJobs   map[string]*jobRow // those that ran last, by resource name; only transactions that write use it
	scheduler *scheduler
	starting  starting
	live      *live
	lists     listCache
	changes   changes.Feed[int64] // by execution
	unlisted  timers[string]      // executions that lists do not show yet, by UID
	unsettled timers[int64]       // jobs whose newest generation has not taken effect, by ID
	untidy    chan struct{}       // holds one if there may be something to remove

	attempts sync.WaitGroup          // and all other work in the background
	stop     context.CancelCauseFunc // ends every attempt when the engine closes
	ctx      context.Context         //nolint:containedctx // the life of the attempts, which outlive the requests that start them
}

// Open opens the engine's state and resumes the executions that have not ended. The caller
// closes the engine.
func Open(ctx context.Context, c Config) (*Engine, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("configure engine: %w", err)
	}
	db, err := openStore(ctx, c.Dir)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		runner: c.Runner,
		logs:   c.Logs,
		grace:  cmp.Or(c.Grace, DefaultGrace),
		keep:   cmp.Or(c.KeepExecutions, DefaultKeepExecutions),
		fault:  c.Fault,
		log:    c.Logger,

		account:         c.ServiceAccount,
		progress:        c.Progress,
		stopTasks:       c.StopTasks,
		failInterrupted: c.FailInterrupted,

		db:       db,
		counters: newCounters(),
		live:     newLive(),
		runJobs:  map[string]*jobRow{},
		untidy:   make(chan struct{}, 1),
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	e.ctx, e.stop = context.WithCancelCause(context.Background())
	e.scheduler = newScheduler(cmp.Or(c.MaxTasks, c.Runner.Capabilities(nil).Capacity, DefaultMaxTasks), e.launch)
	if err := e.recover(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("go on with unfinished executions: %w", err), e.Close())
	}
	e.logs.Spare(e.live.unfinishedUIDs)
	e.attempts.Go(e.tidyUp)
	return e, nil
}

// Close ends the attempts that run, lets go of those that outlive the engine unless
// StopTasks is set, and closes the state. It leaves their tasks as they are: the next
// Open goes on with them. It returns when no attempt is left here, after the grace at
// the latest.
func (e *Engine) Close() error {
	e.scheduler.close()
	e.stop(errClosing)
	e.attempts.Wait()
	return e.db.Close()
}

// Detached returns how many tasks keep running after Close.
func (e *Engine) Detached() int { return int(e.detached.Load()) }

// Examine looks at the state of an engine in a data folder without changing it; see
// [sqlite.Examine].
func Examine(ctx context.Context, dir string) (found string, err error) {
	scripts, err := sqlite.Scripts(schema, migrations[:]...)
	if err != nil {
		return "", err
	}
	return sqlite.Examine(ctx, sqlite.Options{Path: filepath.Join(dir, Database), Migrations: scripts})
}

func openStore(ctx context.Context, dir string) (*sqlite.DB, error) {
	scripts, err := sqlite.Scripts(schema, migrations[:]...)
	if err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(dir, Database), Migrations: scripts})
}
