package tasklog

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/runwith/runwith/internal/microtime"
)

// errTorn is the error of a partial record.
var errTorn = errors.New("record is not whole")

const (
	// maxHeader bounds the first line of a record: four numbers and the flags.
	maxHeader = 128
	maxRecord = maxHeader + MaxLine + 1
	// maxContainers is more than a task has.
	maxContainers = 1000
)

// record is one line of output in its stored form.
type record struct {
	time          int64 // Unix nanoseconds
	task, attempt int
	container     int // index among those of its task
	kind          kind
	level         Level
	continued     bool
	text          []byte
}

// kind is the kind of a record. Each is one bit, so that a block can have a set of them.
type kind uint8

const (
	stdout kind = 1 << iota
	stderr
	system // the platform's: read in old logs, and no longer written
	cut    // the notice that later output of the execution was lost
	lost   // the notice that an attempt's output was lost to a full disk
)

// kinds are the flags and streams of each kind. The notices take the place of the output.
var kinds = []struct {
	kind   kind
	flag   byte
	stream Stream
}{{stdout, 'o', Stdout}, {stderr, 'e', Stderr}, {system, 's', System}, {cut, 'x', Stdout}, {lost, 'l', Stdout}}

// flags returns the flags of a record in their stored form.
func (r record) flags() string {
	var flags []byte
	for _, k := range kinds {
		if r.kind == k.kind {
			flags = append(flags, k.flag)
		}
	}
	if r.continued {
		flags = append(flags, '+')
	}
	if r.level != 0 {
		flags = append(flags, byte(r.level))
	}
	if r.container != 0 {
		flags = strconv.AppendInt(flags, int64(r.container), 10)
	}
	return string(flags)
}

func (r *record) setFlags(flags []byte) bool {
	r.kind, r.level, r.continued, r.container = 0, 0, false, 0
	for _, flag := range flags {
		switch flag {
		case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			r.container = min(10*r.container+int(flag-'0'), maxContainers)
		case 'o':
			r.kind = stdout
		case 'e':
			r.kind = stderr
		case 's':
			r.kind = system
		case 'x':
			r.kind = cut
		case 'l':
			r.kind = lost
		case '+':
			r.continued = true
		case byte(Info), byte(Warning), byte(Error):
			r.level = Level(flag)
		default:
			return false
		}
	}
	return r.kind != 0 && r.container < maxContainers
}

// encode appends the record to buf.
func (r record) encode(buf []byte) []byte {
	buf = strconv.AppendInt(buf, r.time, 10)
	buf = append(buf, ' ')
	buf = strconv.AppendInt(buf, int64(r.task), 10)
	buf = append(buf, ' ')
	buf = strconv.AppendInt(buf, int64(r.attempt), 10)
	buf = append(buf, ' ')
	buf = append(buf, r.flags()...)
	buf = append(buf, ' ')
	buf = strconv.AppendInt(buf, int64(len(r.text)), 10)
	buf = append(buf, '\n')
	buf = append(buf, r.text...)
	return append(buf, '\n')
}

// parse reads the record at the beginning of data and returns its size, or errTorn. Its
// text is a part of data.
func (r *record) parse(data []byte) (size int, err error) {
	end := bytes.IndexByte(data[:min(len(data), maxHeader)], '\n')
	if end < 0 {
		return 0, errTorn
	}
	length, ok := r.parseHeader(data[:end])
	size = end + 1 + length + 1
	if !ok || size > len(data) || data[size-1] != '\n' {
		return 0, errTorn
	}
	r.text = data[end+1 : size-1 : size-1]
	return size, nil
}

// parseHeader reads a record's first line and returns the length of its text.
func (r *record) parseHeader(header []byte) (length int, ok bool) {
	var task, attempt, size int64
	var flags []byte
	if r.time, header, ok = number(header); !ok {
		return 0, false
	}
	r.time = microtime.Nanos(r.time) // older versions stored nanoseconds
	if task, header, ok = number(header); !ok {
		return 0, false
	}
	if attempt, header, ok = number(header); !ok {
		return 0, false
	}
	flags, header, ok = bytes.Cut(header, []byte{' '})
	if !ok || !r.setFlags(flags) {
		return 0, false
	}
	size, header, ok = number(header)
	r.task, r.attempt = int(task), int(attempt)
	return int(size), ok && len(header) == 0 && size <= MaxLine && max(task, attempt) <= math.MaxInt32
}

// number reads a decimal number and the space behind it, if any.
func number(text []byte) (n int64, rest []byte, ok bool) {
	for i, c := range text {
		switch {
		case c == ' ' && i > 0:
			return n, text[i+1:], true
		case c < '0' || c > '9' || n > (math.MaxInt64-9)/10:
			return 0, nil, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, nil, len(text) > 0
}

// entry returns the record as an entry. next is the place of its end.
func (r record) entry(next int64) Entry {
	e := Entry{
		Pos: next, Time: time.Unix(0, r.time).UTC(), Task: r.task, Attempt: r.attempt, Container: r.container,
		Level: r.level, Text: r.text, Continued: r.continued,
	}
	for _, k := range kinds {
		if r.kind == k.kind {
			e.Stream = k.stream
		}
	}
	return e
}
