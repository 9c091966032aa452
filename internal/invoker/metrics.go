package invoker

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/metrics"
)

// counters count what happens to invocations. Jobs beyond the first hundred share a label.
type counters struct {
	jobs                               metrics.Names
	accepted, replayed, started, ended *metrics.Counter
	unresolved, outcomes, twins, waits *metrics.Counter
	acceptToStart, startToEnd          *metrics.Histogram
	estimates                          *metrics.Counter
	vcpu, memory, gpu, money           *metrics.Counter // in thousandths; money in millionths
}

func newCounters() *counters {
	c := &counters{
		accepted:   metrics.NewCounter("runwith_invoker_accepted_total", "Invocations that were accepted.", "job_name"),
		replayed:   metrics.NewCounter("runwith_invoker_replayed_total", "Requests that were answered with the invocation of an earlier one with the same key.", "job_name"),
		started:    metrics.NewCounter("runwith_invoker_started_total", "Invocations whose execution is known.", "job_name"),
		ended:      metrics.NewCounter("runwith_invoker_ended_total", "Invocations that have ended, by their end.", "job_name", "state"),
		unresolved: metrics.NewCounter("runwith_invoker_unresolved_total", "Invocations that became unresolved and need a person's decision.", "job_name"),
		outcomes:   metrics.NewCounter("runwith_invoker_start_outcomes_total", "Calls that start a job, by their outcome; unknown: the execution is searched for.", "outcome"),
		twins:      metrics.NewCounter("runwith_invoker_twins_total", "Executions that were started beside an invocation's own, and are cancelled.").With(),
		waits:      metrics.NewCounter("runwith_invoker_quota_waits_total", "Times that work waited because a quota of Cloud Run was used up.", "quota"),
		estimates:  metrics.NewCounter("runwith_invoker_estimates_total", "Ended invocations whose usage was estimated, by what the estimate comes from.", "basis"),
		vcpu:       metrics.NewCounter("runwith_invoker_usage_vcpu_seconds_total", "Estimate of the vCPU-seconds that ended invocations have used.", "job_name"),
		memory:     metrics.NewCounter("runwith_invoker_usage_gib_seconds_total", "Estimate of the GiB-seconds that ended invocations have used.", "job_name"),
		gpu:        metrics.NewCounter("runwith_invoker_usage_gpu_seconds_total", "Estimate of the GPU-seconds that ended invocations have used.", "job_name"),
		money:      metrics.NewCounter("runwith_invoker_usage_usd_total", "Estimate of what ended invocations have cost in US dollars, before any free tier.", "job_name"),
		acceptToStart: metrics.NewHistogram("runwith_invoker_accept_to_start_seconds",
			"Time from the acceptance of an invocation, or from its startAt, until its execution is known.", startBounds(), "job_name"),
		startToEnd: metrics.NewHistogram("runwith_invoker_start_to_end_seconds",
			"Time from the start of an execution to its end, by Cloud Run's clock.", runBounds(), "job_name"),
	}
	for _, o := range []cloudrun.Outcome{cloudrun.Started, cloudrun.NotStarted, cloudrun.Refused, cloudrun.Unknown} {
		c.outcomes.With(outcomeLabel(o))
	}
	for _, basis := range []runwith.UsageBasis{runwith.UsageFromTasks, runwith.UsageFromExecution, runwith.UsageFromNothing} {
		c.estimates.With(string(basis))
	}
	for _, quota := range []string{runsBucket, readsGate, logsGate} {
		c.waits.With(quota)
	}
	return c
}

func startBounds() []time.Duration {
	const ms, s = time.Millisecond, time.Second
	return []time.Duration{5 * ms, 10 * ms, 25 * ms, 50 * ms, 100 * ms, 250 * ms, 500 * ms, s, 5 * s, 15 * s, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour}
}

func runBounds() []time.Duration {
	const s, m, h = time.Second, time.Minute, time.Hour
	return []time.Duration{s / 10, s / 2, s, 5 * s, 15 * s, 30 * s, m, 2 * m, 5 * m, 10 * m, 30 * m, h, 3 * h, 12 * h, 24 * h}
}

// called counts a call that starts a job.
func (c *counters) called(o cloudrun.Outcome) { c.outcomes.Inc(outcomeLabel(o)) }

func outcomeLabel(o cloudrun.Outcome) string { return strings.ReplaceAll(o.String(), " ", "_") }

// accept counts a new row.
func (c *counters) accept(r ledger.Record) { c.accepted.Inc(c.jobs.Label(r.Job)) }

// replay counts an answer with an earlier invocation, if it is one.
func (c *counters) replay(r ledger.Record, replayed bool) {
	if replayed {
		c.replayed.Inc(c.jobs.Label(r.Job))
	}
}

// moved counts a transition.
func (c *counters) moved(from, to ledger.Record, now time.Time) {
	job := c.jobs.Label(to.Job)
	if from.Execution == "" && to.Execution != "" {
		c.started.Inc(job)
		c.acceptToStart.Observe(now.Sub(to.Due()), job)
	}
	if to.State == runwith.StateUnresolved && from.State != to.State {
		c.unresolved.Inc(job)
	}
	if !to.Ended() {
		return
	}
	c.ended.Inc(job, string(to.State))
	if !to.Started.IsZero() && to.State != runwith.StateUnresolved {
		c.startToEnd.Observe(to.Finished.Sub(to.Started), job)
	}
}

// settled counts settlements that the store has saved.
func (c *counters) settled(made []ledger.Settlement, saved []string) {
	for _, s := range made {
		if !slices.Contains(saved, s.Record.ID) {
			continue
		}
		job := c.jobs.Label(s.Record.Job)
		c.estimates.Inc(string(s.Usage.Basis))
		c.vcpu.Add(uint64(s.Cost.VCPU), job)
		c.memory.Add(uint64(s.Cost.Memory), job)
		c.gpu.Add(uint64(s.Cost.GPU), job)
		c.money.Add(uint64(s.Cost.Money/1e3), job)
	}
}

// scaled returns a metric whose values are counted in parts.
func scaled(m metrics.Metric, parts float64) metrics.Metric {
	read := m.Read
	m.Read = func(ctx context.Context) ([]metrics.Sample, error) {
		samples, err := read(ctx)
		for i := range samples {
			samples[i].Value /= parts
		}
		return samples, err
	}
	return m
}

// Metrics returns what the invoker reports. docs/operations.md describes each one.
func (v *Invoker) Metrics() []metrics.Metric {
	c := v.counters
	all := []metrics.Metric{
		metrics.Gauges("runwith_invoker_invocations", "Invocations that have not ended; later: their time to start has not come.", "state", v.Load),
		metrics.Gauge("runwith_invoker_oldest_waiting_seconds", "Age of the oldest invocation that waits to be started; 0 if none waits.", v.oldestWaiting),
		c.acceptToStart.Metric(), c.startToEnd.Metric(), v.budgetMetric(),
	}
	for _, counter := range []*metrics.Counter{c.accepted, c.replayed, c.started, c.ended, c.unresolved, c.outcomes, c.twins, c.waits, c.estimates} {
		all = append(all, counter.Metric())
	}
	for _, counter := range []*metrics.Counter{c.vcpu, c.memory, c.gpu} {
		all = append(all, scaled(counter.Metric(), 1e3))
	}
	all = append(all, scaled(c.money.Metric(), 1e6))
	return all
}

func (v *Invoker) oldestWaiting(ctx context.Context) (float64, error) {
	accepted, err := v.store.OldestWaiting(ctx)
	if err != nil || accepted.IsZero() {
		return 0, err
	}
	return max(0, -v.until(accepted).Seconds()), nil
}
