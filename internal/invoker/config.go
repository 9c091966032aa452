package invoker

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/usage"
	"github.com/runwith/runwith/internal/tracing"
)

// Defaults of [Config].
const (
	DefaultSettle      = 60 * time.Second
	DefaultCallTimeout = 60 * time.Second
	DefaultKeep        = 90 * 24 * time.Hour
	DefaultJobReads    = ledger.Quota(75)
	defaultLocalReads  = ledger.Quota(1200)
)

// Config is what an [Invoker] works with.
type Config struct {
	// Store keeps the invocations. Required; the invoker does not close it.
	Store store.Store
	// CloudRun is where the jobs are. Required; the invoker does not close it.
	CloudRun CloudRun
	// Logger takes problems that no caller gets as an error; nil drops them.
	// Overrides are never logged: they may hold secrets.
	Logger *slog.Logger

	// Limits are the quotas of Cloud Run.
	Limits Limits
	// Rates returns how many times a minute each job is started at most, by the name that
	// callers use; further starts wait. It may change over time, and nil means no rates.
	Rates func() map[string]ledger.Quota
	// Budgets returns the budgets of the server. They may change over time, and nil means none.
	Budgets func() ledger.Budgets
	// Targets returns the Cloud Run jobs that may be started ([Terms.Target]), so that a store
	// can be rebuilt from all of them. Nil means those of the client's own project and region.
	Targets func() []string
	// Subscribers returns the endpoints that hear of an invocation which was read back from
	// Cloud Run, by job and labels: its own are lost. Nil means none.
	Subscribers func(job string, labels map[string]string) []ledger.Subscriber
	// Prices are those of Cloud Run. Without regions, they are [usage.BuiltIn].
	Prices usage.Prices
	// Tracer makes spans of what happens to invocations; nil makes none.
	Tracer *tracing.Tracer
	// CallTimeout bounds a call that starts a job. 0 is 60 s.
	CallTimeout time.Duration
	// Settle is how long Cloud Run may take after the call's deadline to show an
	// execution that the call has started. 0 is 60 s.
	Settle time.Duration
	// Keep is how long invocations are kept after their end. 0 is 90 days.
	Keep time.Duration
	// Rebuild is when the store is filled from Cloud Run's executions. Empty is
	// RebuildAuto.
	Rebuild Rebuild
	// Ephemeral is for a store that may be lost at any time: an invocation is accepted
	// only once its start is confirmed, none waits, and the store is rebuilt at each
	// start.
	Ephemeral bool

	// Local is for a Cloud Run on this machine that has no quota, such as an engine. The
	// invoker then learns of every end within a tenth of a second. Otherwise it does so
	// within a second in an execution's first minute and within two in its first ten
	// minutes, as far as the quotas allow, and at once if a caller waits and Cloud Run
	// holds requests.
	Local bool
	// PollMin and PollMax bound how often an execution, and a log that somebody
	// follows, is read: first after PollMin, then less and less often up to PollMax.
	// 0 is 100 ms and 5 s.
	PollMin, PollMax time.Duration
	// JobReads bounds the reads in a minute that watch one job. 0 is 75, and 1200 for a
	// Local Cloud Run.
	JobReads ledger.Quota
	// LogDelay is how long Cloud Logging may take to show a line. A log that somebody
	// follows is read that long past the invocation's end. 0 is right for an engine,
	// which shows a line before the end of the task that printed it.
	LogDelay time.Duration
}

// Validate reports all faults.
func (c Config) Validate() error {
	faults := c.Limits.faults()
	if c.Store == nil {
		faults = append(faults, errors.New("store: is required"))
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
	if c.Rates == nil {
		c.Rates = func() map[string]ledger.Quota { return nil }
	}
	if c.Budgets == nil {
		c.Budgets = func() ledger.Budgets { return ledger.Budgets{} }
	}
	if c.Targets == nil {
		c.Targets = func() []string { return nil }
	}
	if c.Subscribers == nil {
		c.Subscribers = func(string, map[string]string) []ledger.Subscriber { return nil }
	}
	if len(c.Prices.Regions) == 0 {
		c.Prices = usage.BuiltIn()
	}
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	c.CallTimeout = cmp.Or(c.CallTimeout, DefaultCallTimeout)
	c.Settle = cmp.Or(c.Settle, DefaultSettle)
	c.Keep = cmp.Or(c.Keep, DefaultKeep)
	c.Rebuild = cmp.Or(c.Rebuild, RebuildAuto)
	c.PollMin = cmp.Or(c.PollMin, 100*time.Millisecond)
	c.PollMax = max(c.PollMin, cmp.Or(c.PollMax, 5*time.Second))
	if c.Local {
		c.JobReads = cmp.Or(c.JobReads, defaultLocalReads)
	}
	c.JobReads = cmp.Or(c.JobReads, DefaultJobReads)
	if c.Ephemeral {
		c.Rebuild = RebuildAlways
	}
	return c
}

// now returns the time by the store's clock.
func (c Config) now() time.Time { return c.Store.Now() }

// idle is how long a part sleeps that expects nothing.
func (c Config) idle() time.Duration {
	if c.Store.Alone() {
		return idle
	}
	return idleShared
}

// lapseEvery is how often the watcher looks for calls whose lease has ended. The processes of a
// shared store end more often than the one of another store fails to record an answer.
func (c Config) lapseEvery() time.Duration {
	if c.Store.Alone() {
		return idle
	}
	return 5 * time.Second
}

// callMargin is how much longer the lease of a call is than the call. It covers the error with
// which a process knows the store's clock.
const callMargin = time.Second

// lease is how long a call has its row for itself.
func (c Config) lease() time.Duration { return c.CallTimeout + callMargin }

// unsettled is how long after now an execution may show that was started just before.
func (c Config) unsettled() time.Duration { return c.CallTimeout + c.Settle }
