package kubernetes

import (
	"testing"
	"time"
)

// TestLogBehind checks that a follower that was slow is read again where the time of its lines
// jumps, and only there.
func TestLogBehind(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	next := at.Add(5 * time.Second).UnixNano()
	slow := func() *logCursor {
		return &logCursor{
			at: position{nth: 1, last: mark{at: at.UnixNano()}, bytes: readWhole}, inStep: true, follows: true, passed: 1,
			lag: 10 * time.Second, now: at.Add(20 * time.Second),
		}
	}
	if !slow().jumps(next) {
		t.Error("jumps() = false 10s behind the container, want true")
	}
	for name, change := range map[string]func(*logCursor){
		"in time":                      func(c *logCursor) { c.lag = time.Second },
		"clocks that differ":           func(c *logCursor) { c.skew = 9 * time.Second },
		"a short log":                  func(c *logCursor) { c.at.bytes = 1000 },
		"the line after the known one": func(c *logCursor) { c.passed = 0 },
		"a log that has ended":         func(c *logCursor) { c.follows = false },
	} {
		c := slow()
		if change(c); c.jumps(next) {
			t.Errorf("%s: jumps() = true, want false", name)
		}
	}
	if slow().jumps(at.Add(time.Millisecond).UnixNano()) {
		t.Error("jumps() = true for the next line, want false")
	}
}
