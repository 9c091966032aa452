package kubernetes

import (
	"bytes"
	"time"
)

// maxStamp is the length of the longest timestamp, which has nanoseconds and an offset
// such as +01:00.
const maxStamp = len("2006-01-02T15:04:05.999999999+07:00")

// lines receives the lines of a log, each in pieces.
type lines interface {
	// start begins a line with a timestamp in nanoseconds since 1970. Text where a
	// timestamp should be is not stamped.
	start(at int64, stamped bool)
	// text is the next piece of the line. It must not be kept.
	text(p []byte)
	// end ends the line: its newline has come.
	end()
}

// lineParser cuts an answer of the API server into lines, and takes their timestamps off.
// The kubelet puts a timestamp before each line, also before one that the node's log has
// in several parts.
type lineParser struct {
	to     lines
	inside bool   // the timestamp of the line has come
	head   []byte // the beginning of the timestamp
}

// Write parses the next part of the answer, which may end at any byte. It returns no error.
func (p *lineParser) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		if !p.inside {
			b = p.stamp(b)
			continue
		}
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			p.to.text(b)
			break
		}
		p.to.text(b[:end])
		p.to.end()
		p.inside, b = false, b[end+1:]
	}
	return n, nil
}

// stamp takes the timestamp off, and returns what follows it.
func (p *lineParser) stamp(b []byte) (rest []byte) {
	end := bytes.IndexAny(b[:min(len(b), maxStamp+1-len(p.head))], " \n")
	if end < 0 {
		taken := min(len(b), maxStamp+1-len(p.head))
		if p.head = append(p.head, b[:taken]...); len(p.head) > maxStamp {
			p.begin(0, false)
		}
		return b[taken:]
	}
	p.head = append(p.head, b[:end]...)
	at, err := time.Parse(time.RFC3339Nano, string(p.head))
	if err != nil || b[end] == '\n' {
		p.begin(0, false)
		return b[end:]
	}
	p.head = p.head[:0]
	p.begin(at.UnixNano(), true)
	return b[end+1:]
}

// finish passes on the last line if it is shorter than a timestamp. It is called at the end of the
// answer.
func (p *lineParser) finish() {
	if len(p.head) > 0 {
		p.begin(0, false)
	}
}

// begin starts a line with what is left of its head.
func (p *lineParser) begin(at int64, stamped bool) {
	p.inside = true
	p.to.start(at, stamped)
	p.to.text(p.head)
	p.head = p.head[:0]
}
