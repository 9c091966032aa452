package tasklog

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
)

// errTorn is what reading meets at a record that is not whole.
var errTorn = errors.New("record is not whole")

// maxHeader bounds the first line of a record: four numbers and the flags.
const maxHeader = 128

// record is one line of output as it is stored.
type record struct {
	time          int64 // Unix nanoseconds
	task, attempt int
	flags         string
	text          []byte
}

func (r record) isCut() bool { return strings.Contains(r.flags, "x") }

// encode appends the record to buf.
func (r record) encode(buf []byte) []byte {
	buf = strconv.AppendInt(buf, r.time, 10)
	buf = append(buf, ' ')
	buf = strconv.AppendInt(buf, int64(r.task), 10)
	buf = append(buf, ' ')
	buf = strconv.AppendInt(buf, int64(r.attempt), 10)
	buf = append(buf, ' ')
	buf = append(buf, r.flags...)
	buf = append(buf, ' ')
	buf = strconv.AppendInt(buf, int64(len(r.text)), 10)
	buf = append(buf, '\n')
	buf = append(buf, r.text...)
	return append(buf, '\n')
}

// readRecord reads the next record and tells how many bytes it took. At the end it
// returns io.EOF, at a record that is not whole errTorn.
func readRecord(r *bufio.Reader) (rec record, n int64, err error) {
	header, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, io.EOF) && len(header) == 0:
		return rec, 0, io.EOF
	case errors.Is(err, io.EOF), errors.Is(err, bufio.ErrBufferFull):
		return rec, 0, errTorn
	case err != nil:
		return rec, 0, err
	}
	n = int64(len(header))
	length, ok := rec.parseHeader(header)
	if !ok {
		return rec, 0, errTorn
	}
	text := make([]byte, length+1)
	if _, err := io.ReadFull(r, text); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return rec, 0, errTorn
	} else if err != nil {
		return rec, 0, err
	}
	if text[length] != '\n' {
		return rec, 0, errTorn
	}
	rec.text = text[:length]
	return rec, n + int64(len(text)), nil
}

// parseHeader reads a record's first line and returns the length of its text.
func (r *record) parseHeader(header []byte) (length int, ok bool) {
	if len(header) > maxHeader {
		return 0, false
	}
	fields := bytes.Fields(header)
	if len(fields) != 5 {
		return 0, false
	}
	nanos, err := strconv.ParseInt(string(fields[0]), 10, 64)
	ok = err == nil
	for i, field := range []*int{1: &r.task, 2: &r.attempt, 4: &length} {
		if field != nil {
			*field, err = strconv.Atoi(string(fields[i]))
			ok = ok && err == nil && *field >= 0
		}
	}
	r.time, r.flags = nanos, string(fields[3])
	return length, ok && length <= MaxLine && strings.Trim(r.flags, "oe+x") == ""
}

func (r record) entry(next int64) Entry {
	e := Entry{
		Pos: next, Time: time.Unix(0, r.time).UTC(), Task: r.task, Attempt: r.attempt,
		Stream: "stdout", Text: r.text, Continued: strings.Contains(r.flags, "+"),
	}
	if strings.Contains(r.flags, "e") {
		e.Stream = "stderr"
	}
	return e
}
