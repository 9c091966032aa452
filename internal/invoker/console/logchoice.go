package console

import (
	"net/url"
	"strconv"

	"github.com/runwith/runwith"
)

const (
	// logLines is how many lines a page without JavaScript has.
	logLines = 500
	// maxLogLines is how many such a page may have.
	maxLogLines = 5000
)

// logChoice are the lines that a visitor has chosen.
type logChoice struct {
	Task   *int
	Stream string // stdout, stderr; empty: both
	Lines  int    // of a page without JavaScript; 0: the page with it
	Before string // position of a line; empty: the end
}

// readLogChoice reads the choice in a URL.
func readLogChoice(q url.Values, i runwith.Invocation) (logChoice, error) {
	c := logChoice{Before: q.Get("before")}
	for _, name := range []string{"task", "stream", "lines", "before"} {
		if n := len(q[name]); n > 1 {
			return c, runwith.Errorf(runwith.InvalidArgument, "%s: takes one value, not %d", name, n)
		}
	}
	switch c.Stream = q.Get("stream"); c.Stream {
	case "", "stdout", "stderr":
	default:
		return c, runwith.Errorf(runwith.InvalidArgument, "stream: %q is neither stdout nor stderr", c.Stream)
	}
	if text := q.Get("task"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || i.Counts.Tasks > 0 && n >= i.Counts.Tasks {
			return c, runwith.Errorf(runwith.InvalidArgument, "task: there is no task with the index %q", text)
		}
		c.Task = &n
	}
	if text := q.Get("lines"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxLogLines {
			return c, runwith.Errorf(runwith.InvalidArgument, "lines: %q is not a number from 1 to %d", text, maxLogLines)
		}
		c.Lines = n
	}
	return c, nil
}

// query returns the choice of lines for a URL.
func (c logChoice) query() url.Values {
	q := url.Values{}
	if c.Task != nil {
		q.Set("task", strconv.Itoa(*c.Task))
	}
	if c.Stream != "" {
		q.Set("stream", c.Stream)
	}
	return q
}

// Has reports whether the choice is one task.
func (c logChoice) Has(task int) bool { return c.Task != nil && *c.Task == task }
