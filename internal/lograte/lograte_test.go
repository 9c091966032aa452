package lograte_test

import (
	"testing"
	"time"

	"github.com/runwith/runwith/internal/lograte"
)

func TestLimit(t *testing.T) {
	t.Parallel()
	var l lograte.Limit
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		what                  string
		after                 time.Duration
		tries, room, unlogged int
	}{
		{"at first", 0, 25, 10, 0},
		{"ten seconds later", 10 * time.Second, 2, 1, 15},
		{"a day later", 24 * time.Hour, 11, 10, 1},
	} {
		at = at.Add(step.after)
		room, unlogged := 0, 0
		for range step.tries {
			if n, ok := l.Take(at); ok {
				room++
				unlogged += n
			}
		}
		if room != step.room {
			t.Errorf("%s: %d lines have room, want %d", step.what, room, step.room)
		}
		if unlogged != step.unlogged {
			t.Errorf("%s: %d lines were left out before, want %d", step.what, unlogged, step.unlogged)
		}
	}
}
