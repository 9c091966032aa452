package batchrun

import (
	"fmt"
	"strings"
	"time"

	"github.com/runwith/runwith"
)

// tally counts the lines of a file by what became of them.
type tally struct {
	fresh, replayed, refused                 int // by the invoker
	succeeded, failed, cancelled, notStarted int // by their end
	unresolved                               int
}

// accepted is the number of lines that have an invocation.
func (t tally) accepted() int { return t.fresh + t.replayed }

// done is the number of invocations that have ended.
func (t tally) done() int {
	return t.succeeded + t.failed + t.cancelled + t.notStarted + t.unresolved
}

func (t *tally) end(s runwith.State) {
	switch s {
	case runwith.StateSucceeded:
		t.succeeded++
	case runwith.StateFailed:
		t.failed++
	case runwith.StateCancelled:
		t.cancelled++
	case runwith.StateRefused:
		t.notStarted++
	case runwith.StateUnresolved:
		t.unresolved++
	}
}

// good reports whether everything has succeeded; of a detached run, whether it was accepted.
func (t tally) good(detached bool) bool {
	return t.refused == 0 && (detached || t.succeeded == t.accepted())
}

// summary returns the counts and the duration of the run in one line.
func (t tally) summary(detached bool, took time.Duration) string {
	all := fmt.Sprintf("%d of %d succeeded in %v", t.succeeded, t.accepted()+t.refused, took)
	if detached {
		all = fmt.Sprintf("%d of %d accepted in %v", t.accepted(), t.accepted()+t.refused, took)
	}
	parts := []string{all}
	for _, p := range []struct {
		n    int
		what string
	}{
		{t.failed, "failed"}, {t.cancelled, "cancelled"}, {t.notStarted, "refused by Cloud Run"}, {t.unresolved, "unresolved"}, {t.refused, "not accepted"},
		{t.replayed, "of them accepted before"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return strings.Join(parts, ", ")
}

// countLines returns a number of lines in words.
func countLines(n int) string {
	if n == 1 {
		return "1 line"
	}
	return fmt.Sprintf("%d lines", n)
}
