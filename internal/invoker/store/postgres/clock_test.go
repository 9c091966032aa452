package postgres

import (
	"testing"
	"time"
)

// TestSampleCounts has readings of the clock after one whose round trip took 10 ms.
func TestSampleCounts(t *testing.T) {
	t.Parallel()
	here := time.Now()
	database := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	last := &sample{database: database, here: here, trip: 10 * time.Millisecond}
	const later = time.Second
	for name, test := range map[string]struct {
		last *sample
		off  time.Duration // from what the last one lets expect
		trip time.Duration
		want bool
	}{
		"first":                        {nil, 0, time.Second, true},
		"faster":                       {last, 0, 5 * time.Millisecond, true},
		"slower":                       {last, 14 * time.Millisecond, 20 * time.Millisecond, false},
		"slower, after a sleep":        {last, time.Minute, 20 * time.Millisecond, true},
		"slower, of another database":  {last, -time.Minute, 20 * time.Millisecond, true},
		"slower, and the last one old": {&sample{database: database, here: here.Add(-2 * sampleLife), trip: 10 * time.Millisecond}, 0, time.Second, true},
	} {
		taken := sample{database: database.Add(later + test.off), here: here.Add(later), trip: test.trip}
		if got := taken.better(test.last); got != test.want {
			t.Errorf("%s: counts = %v, want %v", name, got, test.want)
		}
	}
}
