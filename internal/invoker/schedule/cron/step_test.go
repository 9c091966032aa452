package cron

import (
	"testing"
	"time"
)

// TestSearchIsShort counts the days that a search for seldom lines looks at.
func TestSearchIsShort(t *testing.T) {
	t.Parallel()
	for text, most := range map[string]int{
		"0 0 * * *":    1,
		"0 0 29 2 *":   8 * (29 + 2), // each year: February, and the first day of two more months
		"0 0 */28 2 0": horizon * (29 + 2),
		"0 0 1 12 *":   2,
	} {
		line, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		steps, day := 1, first(2096, time.March)
		for next := line.step(day); !next.Equal(day); next = line.step(day) {
			day = next
			steps++
		}
		if steps > most || !day.Equal(line.nextDay(first(2096, time.March))) {
			t.Errorf("%s: %v after %d steps, want %d at most", text, day, steps, most)
		}
	}
}
