package engine

import (
	"context"

	"github.com/runwith/runwith/internal/metrics"
)

// counters count the commits of an engine by what they changed.
type counters struct {
	created, ended, tasks, retried, interrupted *metrics.Counter
}

func newCounters() *counters {
	return &counters{
		created: metrics.NewCounter("runwith_engine_executions_created_total", "Executions that were created.").With(),
		ended: metrics.NewCounter("runwith_engine_executions_ended_total", "Executions that have ended, by their end.", "state").
			With(string(succeeded)).With(string(failed)).With(string(cancelled)),
		tasks: metrics.NewCounter("runwith_engine_tasks_ended_total", "Tasks that have ended, by their end.", "state").
			With(string(succeeded)).With(string(failed)).With(string(cancelled)),
		retried:     metrics.NewCounter("runwith_engine_tasks_retried_total", "Attempts of tasks that failed and were followed by another attempt.").With(),
		interrupted: metrics.NewCounter("runwith_engine_tasks_interrupted_total", "Times that a task ran when the engine or its machine stopped.").With(),
	}
}

// changed counts a commit. before is the execution before it, or nil if it created it.
func (c *counters) changed(now, before *version) {
	was := &executionRow{}
	if before != nil {
		was = before.executionRow
	} else {
		c.created.Inc()
	}
	if now.state.terminal() && (before == nil || !was.state.terminal()) {
		c.ended.Inc(string(now.state))
	}
	grown := func(counter *metrics.Counter, from, to int, labels ...string) {
		if to > from {
			counter.Add(uint64(to-from), labels...)
		}
	}
	grown(c.tasks, was.counts.succeeded, now.counts.succeeded, string(succeeded))
	grown(c.tasks, was.counts.failed, now.counts.failed, string(failed))
	grown(c.tasks, was.counts.cancelled, now.counts.cancelled, string(cancelled))
	grown(c.retried, was.counts.retried, now.counts.retried)
	grown(c.interrupted, was.counts.interrupted, now.counts.interrupted)
}

// Metrics returns what the engine reports. docs/operations.md describes each one.
func (e *Engine) Metrics() []metrics.Metric {
	all := []metrics.Metric{
		metrics.Gauges("runwith_engine_executions", "Executions that have not ended.", "state", e.count(func(l Load) map[string]int {
			return map[string]int{string(pending): l.Executions.Pending, string(running): l.Executions.Running}
		})),
		metrics.Gauges("runwith_engine_tasks", "Tasks that have not ended.", "state", e.count(func(l Load) map[string]int {
			return map[string]int{"waiting": l.Tasks.Waiting, string(running): l.Tasks.Running}
		})),
		metrics.Gauge("runwith_engine_slots", "Tasks that may run at the same time.", func(context.Context) (float64, error) {
			return float64(e.scheduler.places), nil
		}),
		metrics.Gauge("runwith_engine_slots_used", "Slots that have a task.", func(context.Context) (float64, error) {
			return float64(e.scheduler.used()), nil
		}),
	}
	for _, c := range []*metrics.Counter{e.counters.created, e.counters.ended, e.counters.tasks, e.counters.retried, e.counters.interrupted} {
		all = append(all, c.Metric())
	}
	return append(all, e.db.Metrics()...)
}

func (e *Engine) count(of func(Load) map[string]int) func(context.Context) (map[string]int, error) {
	return func(ctx context.Context) (map[string]int, error) {
		l, err := e.Load(ctx)
		return of(l), err
	}
}
