package kubernetes

import (
	"time"

	"github.com/runwith/runwith/internal/engine/runner"
)

// rotationPause is how often the kubelet looks for logs to rotate. A container that is
// younger has the beginning of its log.
const rotationPause = 10 * time.Second

// late returns the time after which a first line is not surely the log's first; 0 is never.
func (l *logReader) late() int64 {
	if l.started.IsZero() || !l.adopted && time.Since(l.started) <= rotationPause {
		return 0
	}
	return l.started.Add(rotationPause).UnixNano()
}

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
func (l *logReader) open(s logStream) (c *logCursor, end func()) {
	c = &logCursor{out: s.out, apart: s.name != "", shown: s.shown, late: s.late}
	c.at, c.known = position{lines: s.kept.Lines}, runner.Extent{Lines: s.kept.Lines}
	if all := l.positions(s.record); len(all) > 0 {
		c.at, c.known = latestPosition(all, s.kept)
	}
	c.origin, c.same = c.at, c.at.sameTime()
	end = l.keepRecord(c, s.record)
	return c, end
}

// kept returns how much of the output earlier processes have written.
func (l *logReader) kept() (stdout, stderr runner.Extent) {
	if !l.resume || l.out.Kept == nil {
		return stdout, stderr
	}
	stdout, stderr, err := l.out.Kept()
	if err != nil {
		l.log.Error("measure the output of an adopted attempt; it is written once more", "pod", l.pod, "error", err)
		l.resume = false
		return runner.Extent{}, runner.Extent{}
	}
	return stdout, stderr
}

// positions returns what a record of earlier processes has.
func (l *logReader) positions(record string) []position {
	if !l.resume || record == "" {
		return nil
	}
	all, err := readLogRecord(record)
	if err != nil {
		l.log.Error("read the place in an adopted log; all of it is written", "pod", l.pod, "error", err)
	}
	return all
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
func (l *logReader) keepRecord(c *logCursor, record string) (end func()) {
	var r *logRecord
	failed := record == ""
	fail := func(err error) {
		if err != nil {
			failed = true
			l.log.Error("keep the place in a log; who adopts the container writes lines again", "pod", l.pod, "error", err)
		}
	}
	c.before = func(first position) {
		if r == nil && !failed {
			var err error
			r, err = newLogRecord(record, first)
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
