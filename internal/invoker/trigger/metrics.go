package trigger

import "github.com/runwith/runwith/internal/metrics"

// counters count requests. A trigger keeps its own label among the first hundred.
type counters struct {
	names   *metrics.Names
	events  *metrics.Counter
	dropped *metrics.Counter
}

func newCounters() counters {
	return counters{
		new(metrics.Names),
		metrics.NewCounter("runwith_trigger_events_total", "Events that triggers have received, by outcome.", "trigger", "outcome"),
		metrics.NewCounter("runwith_trigger_refused_dropped_total", "Refused events that were dropped because a trigger had too many that wait for a retry.", "trigger"),
	}
}

// count counts a request. t is nil if there is no such trigger.
func (c counters) count(t *trigger, outcome string) { c.events.Inc(c.label(t), outcome) }

func (c counters) drop(t *trigger, n int) {
	if n > 0 {
		c.dropped.Add(uint64(n), c.label(t))
	}
}

func (c counters) label(t *trigger) string {
	if t == nil {
		return "unknown"
	}
	return c.names.Label(t.name)
}

// Metrics are the metrics of triggers.
func (s *Triggers) Metrics() []metrics.Metric {
	return []metrics.Metric{s.counters.events.Metric(), s.counters.dropped.Metric()}
}
