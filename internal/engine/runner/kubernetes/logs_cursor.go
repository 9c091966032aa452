package kubernetes

import (
	"io"
	"time"

	"github.com/runwith/runwith/internal/engine/runner"
)

// maxHeld is how many bytes of an unfinished line are held back. The kubelet writes a
// reason to the end of a log that it cannot read on; that must not become output.
const maxHeld = 64 << 10

// Why output may be missing.
const (
	whyRotated = "the node keeps only the newest part of a log"
	whyGone    = "the Pod or its node is gone"
	whyBroken  = "the node cannot read the log any more"
)

// logCursor writes each line of a container's output once. It reads the log several times, and
// each reading may begin and break off anywhere. If lines may be missing between two others, the
// cursor writes a line about it.
//
// A reading is in step when the last line that the cursor has written comes again. Lines after
// that are new. If that line does not come, the node has rotated the log, and removed its
// beginning. Then every line is new, and lines before them may be lost.
//
// There is one exception. If the follower has read a file of the log to its end, and the next
// file begins right after it, no line is lost: the kubelet lets seconds pass between two
// rotations, so there was no third file.
type logCursor struct {
	out     io.Writer   // nil drops the output
	failed  bool        // a write has failed: drop the rest
	apart   bool        // the container has another stream in the same log
	shown   *shownApart // whether the cluster shows that apart; nil if apart is false
	trusted bool        // text without a timestamp is output: see logReader.trust

	at     position
	same   sameTime
	known  runner.Extent  // is written; the position may be before it
	before func(position) // is called before a write, with the position of the log's first line
	after  func(position) // is called after a write of lines
	origin position       // of the log's first line
	// late is the time after which a first line is not surely the log's first; 0 is
	// never.
	late int64
	// drained is true if the container has ended, and the last follower has read its file
	// to the end.
	drained bool

	// How far the reading is behind the container, by the time at which the last line came
	// here; skew is how much of that the clocks make.
	lag, skew time.Duration

	// Of the reading under way.
	follows   bool
	fromStart bool      // it begins with the log's first line
	now       time.Time // when the text came
	behind    bool      // output may be missing before the line that came now
	unstamped bool      // text without a timestamp was left out
	inStep    bool
	found     int  // lines with the mark of the last one
	passed    int  // new lines
	seen      bool // a line with a timestamp has come
	begun     bool // a line has begun, and not ended
	line      struct {
		mark
		stamped bool
		bytes   int64 // so far
	}
	buf   []byte // new lines, and the new part of the unfinished one
	whole int    // how much of buf is complete lines
}

// restart begins a reading.
func (c *logCursor) restart() {
	c.inStep, c.found, c.passed, c.seen, c.begun, c.behind, c.unstamped = false, 0, 0, false, false, false, false
	c.buf, c.whole = c.buf[:0], 0
}

// fnv is the FNV-1a checksum of nothing, and its multiplier.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// beforeAll is the timestamp of a stream's first line that has none.
const beforeAll = 1

func (c *logCursor) start(at int64, stamped bool) {
	switch {
	case stamped:
	case c.seen:
		at = c.line.at // that of the line before it
	case c.fromStart && c.trusted:
		at, c.seen = beforeAll, true
	case c.fromStart:
		c.unstamped = true
	}
	if c.behind = c.behind || c.jumps(at); c.behind {
		return
	}
	c.begun, c.seen = true, c.seen || stamped
	c.line.mark, c.line.stamped, c.line.bytes = mark{at, fnvOffset}, stamped, 0
	if !c.seen {
		return // the rest of a line that began before the reading
	}
	if !c.inStep {
		c.findStep(at)
	}
	if c.at.first == 0 {
		c.at.first, c.at.ahead = at, at
		c.origin = c.at
	}
}

// adjacent is how long after the last line of a file the next file may begin, so that
// certainly no other file was between them.
const adjacent = 100 * time.Millisecond

// findStep decides what a line shows by its timestamp while the last line has not come.
func (c *logCursor) findStep(at int64) {
	switch {
	case c.at.nth == 0 && c.at.first == 0 && c.late > 0 && at > c.late:
		c.gap("before", at)
	case c.at.nth == 0 && (c.at.first == 0 || c.at.first == at):
		c.inStep = true // the log's first line
	case c.at.nth == 0:
		c.gap("between "+stampOf(c.at.first)+" and", at)
	case at > c.at.ahead && c.drained && at-c.at.last.at < int64(adjacent):
		c.inStep = true
	case at > c.at.ahead:
		c.gap("between "+stampOf(c.at.last.at)+" and", at)
	}
}

// gap writes that output may be missing before a moment. The next line is new.
func (c *logCursor) gap(between string, to int64) {
	c.say("runwith: output " + between + " " + stampOf(to) + " may be missing: " + whyRotated)
	c.inStep = true
	c.at.first, c.at.nth, c.at.ahead = to, 0, to // the log begins here
	c.origin = c.at
}

// say writes a line of our own, after the end of the unfinished one.
func (c *logCursor) say(text string) {
	c.at.lines = max(c.at.lines, c.known.Lines)
	if c.at.lines == c.known.Lines && c.known.Tail > 0 {
		c.buf = append(c.buf, '\n')
		c.at.lines++
	}
	c.buf = append(append(c.buf, text...), '\n')
	c.whole = len(c.buf)
	c.at.lines++
}

func stampOf(at int64) string { return time.Unix(0, at).UTC().Format(time.RFC3339Nano) }

func (c *logCursor) text(p []byte) {
	if !c.seen || c.behind {
		return
	}
	for _, b := range p {
		c.line.sum = (c.line.sum ^ uint64(b)) * fnvPrime
	}
	skip := 0
	if c.at.lines == c.known.Lines { // the unfinished line
		skip = min(len(p), max(0, c.known.Tail-int(c.line.bytes)))
	}
	c.line.bytes += int64(len(p))
	if c.inStep && c.at.lines >= c.known.Lines {
		c.buf = append(c.buf, p[skip:]...)
	}
}

func (c *logCursor) end() {
	c.begun = false
	switch {
	case !c.seen, c.behind:
	case c.inStep:
		c.pass()
	case c.line.mark == c.at.last:
		c.found++
		c.inStep = c.found == c.at.nth
	}
}

// pass ends a new line.
func (c *logCursor) pass() {
	if c.at.lines >= c.known.Lines {
		c.buf = append(c.buf, '\n')
		c.whole = len(c.buf)
	}
	c.at.pass(c.line.mark, &c.same)
	c.lag = c.now.Sub(time.Unix(0, c.line.at))
	c.at.lines++
	c.at.bytes += c.line.bytes + 1
	c.passed++
}

// flush writes the new lines. Of an unfinished one it holds the end back.
func (c *logCursor) flush() {
	if c.whole > 0 {
		c.write(c.whole)
		c.whole = 0
		c.after(c.at)
	}
	if over := len(c.buf) - maxHeld; over > 0 {
		c.write(over)
		c.known = runner.Extent{Lines: c.at.lines, Tail: int(c.line.bytes) - maxHeld}
	}
}

// rest returns the end of a line that has no newline yet, as far as it is not written.
func (c *logCursor) rest() string {
	if !c.begun || !c.line.stamped && !c.trusted {
		return ""
	}
	return string(c.buf[c.whole:])
}

// unfinished returns the rest if the reading has shown it, and otherwise what an earlier reading
// has.
func (c *logCursor) unfinished(earlier string) string {
	if c.isAtEnd() {
		return c.rest()
	}
	return earlier
}

// broken reports that the reading ended with a reason of the kubelet's instead of a line.
func (c *logCursor) broken() bool { return c.begun && !c.line.stamped && !c.trusted }

// finish writes the rest of a log that is complete.
func (c *logCursor) finish() { c.write(len(c.rest())) }

// write writes the first n bytes of buf.
func (c *logCursor) write(n int) {
	if n == 0 {
		return
	}
	c.before(c.origin)
	if c.out != nil && !c.failed {
		_, err := c.out.Write(c.buf[:n])
		c.failed = err != nil
	}
	c.buf = append(c.buf[:0], c.buf[n:]...)
}

// isAtEnd reports that the reading has shown the last line that the cursor knows, or that
// there is none. A stream that is read apart may have no line in what the other one has left
// of the log.
func (c *logCursor) isAtEnd() bool {
	return c.inStep || c.at.nth == 0 && c.at.first == 0 || c.apart && c.drained && !c.seen
}

// lose writes the held end of an unfinished line, and that the rest of the output may be
// missing.
func (c *logCursor) lose(held, why string) {
	c.restart()
	from := ""
	switch {
	case c.at.nth > 0:
		from = " after " + stampOf(c.at.last.at)
	case c.at.first != 0:
		from = " from " + stampOf(c.at.first)
	}
	if held != "" {
		c.buf = append(append(c.buf, held...), '\n')
		c.at.lines++
	}
	c.say("runwith: output" + from + " may be missing: " + why)
	c.flush()
}
