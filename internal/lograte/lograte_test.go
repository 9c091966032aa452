package lograte_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/lograte"
)

func TestLimit(t *testing.T) {
	t.Parallel()
	var l lograte.Limit
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		what        string
		after       time.Duration
		tries, room int
		first       []any // attributes of the first line
	}{
		{"at first", 0, 25, 10, []any{"key", "value"}},
		{"ten seconds later", 10 * time.Second, 2, 1, []any{"key", "value", "unlogged", 15}},
		{"a day later", 24 * time.Hour, 11, 10, []any{"key", "value", "unlogged", 1}},
	} {
		at = at.Add(step.after)
		var lines [][]any
		for range step.tries {
			if attrs, ok := l.Take(at, "key", "value"); ok {
				lines = append(lines, attrs)
			}
		}
		want := slices.Repeat([][]any{{"key", "value"}}, step.room)
		want[0] = step.first
		if diff := cmp.Diff(want, lines); diff != "" {
			t.Errorf("%s: attributes of the lines (-want +got):\n%s", step.what, diff)
		}
	}
}
