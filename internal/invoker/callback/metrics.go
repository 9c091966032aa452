package callback

import (
	"context"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/metrics"
)

// counters count attempts. Endpoints beyond the first hundred share a label.
type counters struct {
	names             metrics.Names
	attempts, givenUp *metrics.Counter
}

func newCounters() *counters {
	return &counters{
		attempts: metrics.NewCounter("runwith_callback_attempts_total", "Attempts to deliver an event, by their result: delivered, failed (another status than 2xx), throttled or unanswered.", "endpoint", "result"),
		givenUp:  metrics.NewCounter("runwith_callback_given_up_total", "Deliveries that were given up.", "endpoint"),
	}
}

// attempted counts an attempt, unless it was interrupted or none was made.
func (c *counters) attempted(endpoint string, o outcome) {
	result := "failed"
	switch {
	case o.interrupted, o.removed:
		return
	case o.ok():
		result = "delivered"
	case o.throttled():
		result = "throttled"
	case o.status == 0:
		result = "unanswered"
	}
	c.attempts.Inc(c.names.Label(endpoint), result)
}

// Metrics returns what the sender reports.
func (s *Sender) Metrics() []metrics.Metric {
	return []metrics.Metric{
		s.counters.attempts.Metric(), s.counters.givenUp.Metric(),
		metrics.Gauge("runwith_callback_pending", "Deliveries that are pending.", func(ctx context.Context) (float64, error) {
			lanes, err := s.store.Endpoints(ctx)
			pending := 0
			for _, lane := range lanes {
				pending += lane.Pending
			}
			return float64(pending), err
		}),
		metrics.Gauges("runwith_callback_endpoints", "Endpoints by their health; a disabled one gets nothing until somebody enables it.", "state", s.healths),
	}
}

// healths counts the endpoints by state.
func (s *Sender) healths(ctx context.Context) (map[string]int, error) {
	counts := map[string]int{string(runwith.EndpointOK): 0, string(runwith.EndpointFailing): 0, string(runwith.EndpointDisabled): 0}
	all, err := s.Endpoints(ctx)
	for _, e := range all {
		counts[string(e.State)]++
	}
	return counts, err
}
