package main

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/callback"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store/postgres"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/tracing"
)

// invokerFlags choose how an invoker starts jobs.
type invokerFlags struct {
	concurrency, rates        []string
	runQuota, readQuota, logs int
	settle, callTimeout, keep time.Duration
	rebuild, store            string
	configFile                string
	callbackAllow             []string
	prices                    string
	noConsole                 bool
	// development is not nil for `up`: requests may name URLs of this machine. It gets the
	// secret that signs their callbacks if that was made just now.
	development *string
	tracer      *tracing.Tracer           // no flag; may be nil
	openStore   func() (keptStore, error) // no flag; nil opens the one that store names
}

func (f *invokerFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.configFile, "config", "", "configuration `FILE` (runwith.yaml): callers, jobs, callbacks")
	flags.StringArrayVar(&f.callbackAllow, "callback-allow", nil, "let callbacks go to the private addresses in `CIDR`, such as 10.0.0.0/8 (repeatable)")
	flags.StringArrayVar(&f.concurrency, "concurrency", nil, "maximum concurrent invocations of a job: `JOB=N`; more are queued; JOB=N:reject refuses them, JOB=N:replace cancels older ones (repeatable)")
	flags.StringArrayVar(&f.rates, "rate", nil, "maximum starts of a job a minute, paced evenly: `JOB=N/min`; more are queued (repeatable)")
	flags.IntVar(&f.runQuota, "run-quota", 0, "start at most `N` executions a minute; 0 slows down only when Cloud Run says so")
	flags.IntVar(&f.readQuota, "read-quota", 0, "read jobs and executions at most `N` times a minute; 0 slows down only when Cloud Run says so")
	flags.IntVar(&f.logs, "log-quota", 0, "read logs at most `N` times a minute; 0 slows down only when Cloud Logging says so")
	flags.StringVar(&f.prices, "prices", "", "price table in `FILE` (YAML or JSON), as runwith usage prices prints it, instead of the built-in one")
	flags.BoolVar(&f.noConsole, "no-console", false, "serve no pages for people at /, only the API")
	flags.DurationVar(&f.settle, "settle", invoker.DefaultSettle, "how long Cloud Run may take to list a new execution; a start that is not listed by then is repeated")
	flags.DurationVar(&f.callTimeout, "call-timeout", invoker.DefaultCallTimeout, "timeout of the call that starts a job")
	flags.DurationVar(&f.keep, "keep", invoker.DefaultKeep, "how long to keep invocations that have ended")
	flags.StringVar(&f.rebuild, "rebuild", string(invoker.RebuildAuto), "rebuild the store from Cloud Run's executions: auto (if it is empty or restored), always or never")
	flags.StringVar(&f.store, "store", "durable", "where invocations are kept: durable (in --data), ephemeral if the disk of --data does not survive a restart, or the `URL` of a PostgreSQL database, postgres://USER@HOST/DATABASE, which several servers may share")
}

// config returns the configuration that the flags choose.
func (f *invokerFlags) config() (c invoker.Config, err error) {
	c = invoker.Config{Tracer: f.tracer, Settle: f.settle, CallTimeout: f.callTimeout, Keep: f.keep, Rebuild: invoker.Rebuild(f.rebuild)}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"settle", f.settle}, {"call-timeout", f.callTimeout}, {"keep", f.keep}} {
		if d.value < time.Second {
			return c, misused("--%s %v: must be at least 1s", d.name, d.value)
		}
	}
	switch c.Rebuild {
	case invoker.RebuildAuto, invoker.RebuildAlways, invoker.RebuildNever:
	default:
		return c, misused("--rebuild %s: must be auto, always or never", f.rebuild)
	}
	switch {
	case f.store == "durable", postgres.IsURL(f.store):
	case f.store == "ephemeral":
		c.Ephemeral = true
	default:
		return c, misused("--store %s: must be durable, ephemeral, or a URL that begins with postgres://", postgres.Redacted(f.store))
	}
	if c.Limits, err = f.limits(); err != nil {
		return c, err
	}
	if c.Prices, err = readPrices("--prices", f.prices); err != nil {
		return c, err
	}
	if f.configFile != "" && len(f.concurrency)+len(f.rates) > 0 {
		return c, misused("--concurrency and --rate: are for servers without --config; write concurrency and rate to the jobs in %s", f.configFile)
	}
	rates, err := f.startRates()
	if err == nil {
		_, err = f.slots()
	}
	c.Rates = func() map[string]ledger.Quota { return rates }
	return c, err
}

func (f *invokerFlags) limits() (l invoker.Limits, err error) {
	if min(f.runQuota, f.readQuota, f.logs) < 0 {
		return l, misused("--run-quota, --read-quota and --log-quota: must not be negative")
	}
	return invoker.Limits{Runs: ledger.Quota(f.runQuota), Reads: ledger.Quota(f.readQuota), Logs: ledger.Quota(f.logs)}, nil
}

// startRates returns how many times a minute each job is started at most.
func (f *invokerFlags) startRates() (map[string]ledger.Quota, error) {
	rates := map[string]ledger.Quota{}
	for _, flag := range f.rates {
		job, rate, err := parseRate(flag)
		if err != nil {
			return nil, err
		}
		rates[job] = rate
	}
	return rates, nil
}

// slots returns the slots of each job. Their concurrency key is the job.
func (f *invokerFlags) slots() (map[string]ledger.Slot, error) {
	slots := map[string]ledger.Slot{}
	for _, flag := range f.concurrency {
		slot, err := parseConcurrency(flag)
		if err != nil {
			return nil, err
		}
		slots[slot.Key] = slot
	}
	return slots, nil
}

// parseConcurrency parses JOB=N or JOB=N:OVERFLOW.
func parseConcurrency(flag string) (ledger.Slot, error) {
	job, rest, _ := strings.Cut(flag, "=")
	count, overflow, named := strings.Cut(rest, ":")
	slot := ledger.Slot{Key: job, Overflow: ledger.Queueing}
	if named {
		slot.Overflow = ledger.Overflow(overflow)
	}
	var err error
	slot.Limit, err = strconv.Atoi(count)
	known := slot.Overflow == ledger.Queueing || slot.Overflow == ledger.Rejecting || slot.Overflow == ledger.Replacing
	if jobspec.ValidateJobID(job) != nil || err != nil || slot.Limit < 1 || !known {
		return slot, misused("--concurrency %q: must be JOB=N, or JOB=N with :queue, :reject or :replace, such as nightly=1:reject", flag)
	}
	return slot, nil
}

// parseRate parses JOB=N/min.
func parseRate(flag string) (job string, rate ledger.Quota, err error) {
	job, rest, _ := strings.Cut(flag, "=")
	count, ok := strings.CutSuffix(rest, "/min")
	n, err := strconv.Atoi(count)
	if jobspec.ValidateJobID(job) != nil || !ok || err != nil || n < 1 {
		return "", 0, misused("--rate %q: must be JOB=N/min, such as nightly=10/min", flag)
	}
	return job, ledger.Quota(n), nil
}

// allowed returns the private addresses that callbacks may go to.
func (f *invokerFlags) allowed() (callback.Allowed, error) {
	ranges := f.callbackAllow
	if f.development != nil {
		ranges = slices.Concat(ranges, loopback())
	}
	allowed, err := callback.ParseAllowed(ranges)
	if err != nil {
		return nil, misused("--callback-allow %w", err)
	}
	return allowed, nil
}
