package sqlite

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/runwith/runwith/internal/metrics"
)

// counters count the commits of a database.
type counters struct {
	commits *metrics.Histogram
	writes  *metrics.Counter
	name    string // of the database
}

// newCounters returns the counters of a database, which is named for its file.
func newCounters(path string) counters {
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	return counters{
		commits: metrics.NewHistogram("runwith_store_commit_duration_seconds",
			"Time of a commit with all its writes, until it is on disk.", commitBounds(), "database"),
		writes: metrics.NewCounter("runwith_store_writes_total", "Writes; those that wait together share a commit.", "database").With(name),
		name:   name,
	}
}

// commitBounds are the bounds of the buckets: from an SSD with a cache to a disk that hangs.
func commitBounds() []time.Duration {
	const ms = time.Millisecond
	return []time.Duration{ms / 4, ms / 2, ms, 2 * ms, 5 * ms, 10 * ms, 25 * ms, 50 * ms, 100 * ms, 250 * ms, time.Second, 5 * time.Second}
}

// committed counts a commit of writes that began at a time.
func (c *counters) committed(began time.Time, writes int) {
	c.commits.Observe(time.Since(began), c.name)
	c.writes.Add(uint64(writes), c.name)
}

// Metrics returns what the database reports.
func (db *DB) Metrics() []metrics.Metric {
	return []metrics.Metric{db.writer.counters.commits.Metric(), db.writer.counters.writes.Metric()}
}
