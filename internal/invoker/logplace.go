package invoker

import (
	"context"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// places reads the positions in the query.
func (l *logReader) places() error {
	q := l.query
	for _, p := range []struct {
		field, text string
		place       *cloudrun.LogPlace
	}{{"after", q.After, &l.after}, {"before", q.Before, &l.before}} {
		if p.text == "" {
			continue
		}
		var err error
		if *p.place, err = cloudrun.ParseLogPlace(p.text); err != nil {
			return invalid(p.field, "%s: take the ID of an event of this log", err)
		}
	}
	switch {
	case q.Before != "" && q.Follow:
		return invalid("before", "cannot be with follow: lines before a position do not grow")
	case q.Before != "" && q.Tail == 0:
		return invalid("before", "needs tail, the number of lines in front of it")
	}
	l.passed = l.after
	return nil
}

// begins returns the cursor with which the query begins.
func (l *logReader) begins(i runwith.Invocation) cloudrun.Cursor {
	c := cloudrun.LogSince(i.Created.Add(-ledger.ClockSkew)).OfStream(l.query.Stream)
	if l.query.Task != nil {
		c = c.OfTask(*l.query.Task)
	}
	return c.After(l.after)
}

// tail yields the last lines, and leaves the cursor behind them. A log that is followed may be
// read again, so a failure there only means that it begins at the first line.
func (l *logReader) tail(ctx context.Context, execution string) error {
	last := l.cursor.Last(l.query.Tail, l.before)
	for more := true; more; {
		var err error
		if more, err = l.readLast(ctx, execution, last); err != nil {
			return err
		}
	}
	lines, next := last.Lines()
	for _, line := range lines {
		if err := l.ready(ctx); err != nil {
			return err
		}
		if !l.give(line) {
			return nil
		}
	}
	l.cursor = next
	return nil
}

// readLast reads one page from the end.
func (l *logReader) readLast(ctx context.Context, execution string, last *cloudrun.LastLines) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	if err := l.pass(ctx, l.logReads, urgent); err != nil {
		return false, err
	}
	select {
	case l.logPages <- struct{}{}:
		defer func() { <-l.logPages }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	more, err = l.cloud.LastLines(ctx, execution, last)
	l.logReads.told(err)
	return more, err
}

// give yields a line, and reports whether the caller wants more. A line that came late has the
// position of the last line so far: a log that goes on there repeats none of them.
func (l *logReader) give(line runwith.LogLine) bool {
	place, err := cloudrun.ParseLogPlace(line.Position)
	if err == nil && place.Compare(l.passed) > 0 {
		l.passed = place
	} else if line.Position != "" {
		line.Position = l.passed.String()
	}
	l.stopped = !l.yield(line, nil)
	return !l.stopped
}
