package console

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/api"
)

// logRow is a line on a page without JavaScript.
type logRow struct {
	runwith.LogLine
	Left int // characters that are not shown
}

// longestRow is how many bytes of a line a page shows.
const longestRow = 4000

// Clock is the time of the line.
func (r logRow) Clock() string { return r.Time.UTC().Format("2006-01-02 15:04:05.000") }

// Exact is the time of the line for programs.
func (r logRow) Exact() string { return r.Time.UTC().Format(time.RFC3339Nano) }

// newLogRow returns the row of a line: as people read it, and cut if it is long.
func newLogRow(l runwith.LogLine) logRow {
	r := logRow{LogLine: l}
	if len(r.Text) > longestRow {
		cut := longestRow
		for cut > 0 && !utf8.RuneStart(r.Text[cut]) {
			cut--
		}
		r.Left = utf8.RuneCountInString(r.Text[cut:])
		r.Text = r.Text[:cut]
	}
	r.Text = plainText(r.Text)
	return r
}

// readTimeout is how long a page waits for its lines.
const readTimeout = 20 * time.Second

// read reads the lines of a page.
func (d *logsData) read(ctx context.Context, v api.Invoker) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	q := invoker.LogQuery{Task: d.Task, Stream: d.Stream, Before: d.Before, Tail: d.Lines}
	for line, err := range v.Logs(ctx, d.ID, q) {
		if err != nil {
			return err
		}
		d.Rows = append(d.Rows, newLogRow(line))
		if q.Before == "" && len(d.Rows) >= maxLogLines {
			break // it grows as fast as it is read
		}
	}
	if len(d.Rows) > 0 && (len(d.Rows) >= d.Lines || d.long()) {
		d.Earlier = d.Rows[0].Position
	}
	return nil
}

// long reports whether there may be fewer rows than were asked for because they are long.
func (d *logsData) long() bool {
	size := 0
	for _, r := range d.Rows {
		size += len(r.Text) + r.Left
	}
	return size > 1<<20
}
