package kubernetes

import (
	"time"

	"github.com/runwith/runwith/internal/engine/runner"
)

// rotationPause is how often the kubelet looks for logs to rotate. A container that is
// younger has the beginning of its log.
const rotationPause = 10 * time.Second

// open returns a cursor that continues the output of earlier processes. end must be
// called when nothing is written any more.
//
// An earlier process that wrote at least one line of this container has left a record.
// Without one, all lines that are written are an earlier incarnation's. With one, the cursor
// begins at the last position of the record that is not after the last written line, and
// passes over the lines up to that. If the log begins after the position, the node has
// removed lines: the cursor says so and writes all that there is. Lines that the earlier
// process wrote after the position, at most for recordPause, may then come twice, but only
// if the log was rotated in that moment.
func (l *logReader) open() (c *logCursor, end func()) {
	c = &logCursor{out: l.out.Stdout}
	var kept runner.Extent
	var all []position
	if l.resume {
		kept, all = l.kept()
	}
	c.at, c.known = position{lines: kept.Lines}, runner.Extent{Lines: kept.Lines}
	if len(all) > 0 {
		c.at, c.known = latestPosition(all, kept)
	}
	if !l.started.IsZero() && (l.adopted || time.Since(l.started) > rotationPause) {
		c.late = l.started.Add(rotationPause).UnixNano()
	}
	c.origin, c.same = c.at, sameTime{last: c.at.last, n: c.at.nth}
	end = l.keepRecord(c)
	return c, end
}

// kept returns how much is written, and what the record has.
func (l *logReader) kept() (kept runner.Extent, all []position) {
	var err error
	if l.out.Kept != nil {
		if kept, _, err = l.out.Kept(); err != nil {
			l.log.Error("measure the output of an adopted attempt; it is written once more", "pod", l.pod, "error", err)
			return runner.Extent{}, nil
		}
	}
	if l.record != "" {
		if all, err = readLogRecord(l.record); err != nil {
			l.log.Error("read the place in an adopted log; all of it is written", "pod", l.pod, "error", err)
		}
	}
	return kept, all
}

// latestPosition returns the latest position that is not after the end of what is written. If all
// are after that, written lines have been lost: it returns the earliest position, from
// which all is written again.
func latestPosition(all []position, kept runner.Extent) (at position, known runner.Extent) {
	at = all[0]
	for _, p := range all {
		if p.lines <= kept.Lines && (p.lines > at.lines || at.lines > kept.Lines) {
			at = p
		} else if p.lines < at.lines && at.lines > kept.Lines {
			at = p
		}
	}
	if at.lines > kept.Lines {
		return at, runner.Extent{Lines: at.lines}
	}
	return at, kept
}

// keepRecord makes the cursor keep its record.
func (l *logReader) keepRecord(c *logCursor) (end func()) {
	var r *logRecord
	failed := l.record == ""
	fail := func(err error) {
		if err != nil {
			failed = true
			l.log.Error("keep the place in a log; who adopts the container writes lines again", "pod", l.pod, "error", err)
		}
	}
	c.before = func(first position) {
		if r == nil && !failed {
			var err error
			r, err = newLogRecord(l.record, first)
			fail(err)
		}
	}
	c.after = func(at position) {
		if r != nil && !failed && !c.failed {
			fail(r.keep(at, time.Now()))
		}
	}
	return func() {
		if r != nil {
			if !failed && !c.failed {
				fail(r.write(c.at))
			}
			r.close()
		}
	}
}
