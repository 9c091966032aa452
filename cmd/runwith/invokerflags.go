package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/jobspec"
)

// invokerFlags choose how an invoker starts jobs.
type invokerFlags struct {
	concurrency, rates        []string
	runQuota, readQuota, logs int
	settle, callTimeout, keep time.Duration
	rebuild, store            string
}

func (f *invokerFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.concurrency, "concurrency", nil, "maximum concurrent invocations of a job: `JOB=N`; more are queued; JOB=N:reject refuses them, JOB=N:replace cancels older ones (repeatable)")
	flags.StringArrayVar(&f.rates, "rate", nil, "maximum starts of a job a minute, paced evenly: `JOB=N/min`; more are queued (repeatable)")
	flags.IntVar(&f.runQuota, "run-quota", 0, "start at most `N` executions a minute; 0 slows down only when Cloud Run says so")
	flags.IntVar(&f.readQuota, "read-quota", 0, "read jobs and executions at most `N` times a minute; 0 slows down only when Cloud Run says so")
	flags.IntVar(&f.logs, "log-quota", 0, "read logs at most `N` times a minute; 0 slows down only when Cloud Logging says so")
	flags.DurationVar(&f.settle, "settle", invoker.DefaultSettle, "how long Cloud Run may take to list a new execution; a start that is not listed by then is repeated")
	flags.DurationVar(&f.callTimeout, "call-timeout", invoker.DefaultCallTimeout, "timeout of the call that starts a job")
	flags.DurationVar(&f.keep, "keep", invoker.DefaultKeep, "how long to keep invocations that have ended")
	flags.StringVar(&f.rebuild, "rebuild", string(invoker.RebuildAuto), "rebuild the store from Cloud Run's executions: auto (if it is empty or restored), always or never")
	flags.StringVar(&f.store, "store", "durable", "durable, or ephemeral if the disk of --data does not survive a restart")
}

// config returns the configuration that the flags choose.
func (f *invokerFlags) config() (c invoker.Config, err error) {
	c = invoker.Config{Settle: f.settle, CallTimeout: f.callTimeout, Keep: f.keep, Rebuild: invoker.Rebuild(f.rebuild)}
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
	switch f.store {
	case "durable":
	case "ephemeral":
		c.Ephemeral = true
	default:
		return c, misused("--store %s: must be durable or ephemeral", f.store)
	}
	c.Limits, err = f.limits()
	return c, err
}

func (f *invokerFlags) limits() (l invoker.Limits, err error) {
	if min(f.runQuota, f.readQuota, f.logs) < 0 {
		return l, misused("--run-quota, --read-quota and --log-quota: must not be negative")
	}
	l = invoker.Limits{
		Runs: ledger.Quota(f.runQuota), Reads: ledger.Quota(f.readQuota), Logs: ledger.Quota(f.logs),
		Concurrency: map[string]invoker.Concurrency{}, Rates: map[string]ledger.Quota{},
	}
	for _, flag := range f.concurrency {
		job, c, err := parseConcurrency(flag)
		if err != nil {
			return l, err
		}
		l.Concurrency[job] = c
	}
	for _, flag := range f.rates {
		job, rate, err := parseRate(flag)
		if err != nil {
			return l, err
		}
		l.Rates[job] = rate
	}
	return l, nil
}

// parseConcurrency parses JOB=N or JOB=N:OVERFLOW.
func parseConcurrency(flag string) (job string, c invoker.Concurrency, err error) {
	job, rest, _ := strings.Cut(flag, "=")
	count, overflow, named := strings.Cut(rest, ":")
	c.Overflow = ledger.Queueing
	if named {
		c.Overflow = ledger.Overflow(overflow)
	}
	c.Slots, err = strconv.Atoi(count)
	known := c.Overflow == ledger.Queueing || c.Overflow == ledger.Rejecting || c.Overflow == ledger.Replacing
	if jobspec.ValidateJobID(job) != nil || err != nil || c.Slots < 1 || !known {
		return "", c, misused("--concurrency %q: must be JOB=N, or JOB=N with :queue, :reject or :replace, such as nightly=1:reject", flag)
	}
	return job, c, nil
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
