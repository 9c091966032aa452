package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/runwith/runwith/internal/metrics"
)

// database is the value of the label database.
const database = "invoker"

// counters count what the store writes.
type counters struct {
	commits *metrics.Histogram
	writes  *metrics.Counter
}

func newCounters() counters {
	return counters{
		commits: metrics.NewHistogram("runwith_store_commit_duration_seconds",
			"Time of a commit with all its writes, until it is on disk.", commitBounds(), "database"),
		writes: metrics.NewCounter("runwith_store_writes_total", "Writes; those that wait together share a commit.", "database").With(database),
	}
}

// commitBounds are the bounds of the buckets, alike for all databases.
func commitBounds() []time.Duration {
	const ms = time.Millisecond
	return []time.Duration{ms / 4, ms / 2, ms, 2 * ms, 5 * ms, 10 * ms, 25 * ms, 50 * ms, 100 * ms, 250 * ms, time.Second, 5 * time.Second}
}

// committed counts a transaction that began at a time.
func (c counters) committed(began time.Time) {
	c.commits.Observe(time.Since(began), database)
	c.writes.Inc(database)
}

// Metrics returns what the store reports. A store that was not opened lists the same metrics, which
// then have no values.
func (s *Store) Metrics() []metrics.Metric {
	c := s.counters
	if c.commits == nil {
		c = newCounters()
	}
	return []metrics.Metric{
		c.commits.Metric(), c.writes.Metric(),
		s.ofPool("runwith_store_connection_wait_seconds_total", "Time spent waiting for a connection to PostgreSQL, all waits together.", metrics.CounterKind,
			func(pool *pgxpool.Stat) float64 { return pool.EmptyAcquireWaitTime().Seconds() }),
		s.ofPool("runwith_store_connection_waits_total", "Times that a connection to PostgreSQL was waited for, because none was idle.", metrics.CounterKind,
			func(pool *pgxpool.Stat) float64 { return float64(pool.EmptyAcquireCount()) }),
		metrics.Gauges("runwith_store_connections", "Connections to PostgreSQL by their state: idle or used.", "state", func(context.Context) (map[string]int, error) {
			pool := s.pool.Stat()
			return map[string]int{"idle": int(pool.IdleConns()), "used": int(pool.AcquiredConns())}, nil
		}),
		s.ofPool("runwith_store_connections_max", "Connections to PostgreSQL that this process may have for queries.", metrics.GaugeKind,
			func(pool *pgxpool.Stat) float64 { return float64(pool.MaxConns()) }),
		metrics.Gauge("runwith_store_hints", "1: hints of other processes arrive; 0: their changes are seen within a second.", func(context.Context) (float64, error) {
			if s.hears.Load() {
				return 1, nil
			}
			return 0, nil
		}),
	}
}

// ofPool is a metric of the connections.
func (s *Store) ofPool(name, help string, kind metrics.Kind, value func(*pgxpool.Stat) float64) metrics.Metric {
	return metrics.Metric{Name: name, Help: help, Kind: kind, Read: func(context.Context) ([]metrics.Sample, error) {
		return []metrics.Sample{{Value: value(s.pool.Stat())}}, nil
	}}
}
