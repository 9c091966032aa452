package googlejson

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/runwith/runwith"
)

// maxDepth is how deep objects and lists may be nested, as at Google.
const maxDepth = 100

// Strict returns a body as JSON of the standard, without white space, or the line and
// column at which even Google's reader could not read on. Blank text is an empty object.
func Strict(raw []byte) ([]byte, error) {
	s := &scanner{in: raw}
	if !utf8.Valid(raw) {
		return nil, runwith.Errorf(runwith.InvalidArgument, "body: is not valid UTF-8")
	}
	if s.space(); s.at == len(raw) {
		return []byte("{}"), nil
	}
	s.out.Grow(len(raw))
	s.value(0)
	if s.space(); s.at < len(raw) {
		s.fail("text after the end of the value")
	}
	if s.problem != "" {
		line, column := position(raw, s.at)
		return nil, runwith.Errorf(runwith.InvalidArgument, "body: line %d:%d: %s", line, column, s.problem)
	}
	return s.out.Bytes(), nil
}

// scanner copies JSON to JSON of the standard.
type scanner struct {
	in      []byte
	at      int // of the next byte
	out     bytes.Buffer
	problem string // why reading ended at this byte; empty for none
}

// position returns the line and column of a byte, both counted from 1, the column in
// characters.
func position(text []byte, at int) (line, column int) {
	before := text[:at]
	line = 1 + bytes.Count(before, []byte("\n"))
	return line, 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
}

// fail ends reading. It keeps the first problem.
func (s *scanner) fail(problem string) {
	if s.problem == "" {
		s.problem = problem
	}
}

// peek returns the next byte after white space, or 0 at the end and after a failure.
func (s *scanner) peek() byte {
	if s.space(); s.at == len(s.in) || s.problem != "" {
		return 0
	}
	return s.in[s.at]
}

func (s *scanner) space() {
	for s.at < len(s.in) && bytes.IndexByte([]byte(" \t\r\n\v\f"), s.in[s.at]) >= 0 {
		s.at++
	}
}

// take copies the next byte.
func (s *scanner) take() {
	s.out.WriteByte(s.in[s.at])
	s.at++
}

// value copies the next value, which is inside of depth others.
func (s *scanner) value(depth int) {
	switch c := s.peek(); {
	case depth == maxDepth && (c == '{' || c == '['):
		s.fail("nested more than 100 levels deep")
	case c == '{':
		s.list('}', func() { s.member(depth + 1) })
	case c == '[':
		s.list(']', func() { s.value(depth + 1) })
	case c == '"' || c == '\'':
		s.text()
	case c == '-' || '0' <= c && c <= '9':
		s.number()
	default:
		s.literal()
	}
}

// list copies the elements between brackets, which commas separate.
func (s *scanner) list(end byte, element func()) {
	s.take()
	for first := true; s.peek() != end; first = false {
		if !first {
			s.out.WriteByte(',')
		}
		element()
		switch s.peek() {
		case ',':
			s.at++ // also the one after the last element
		case end:
		default:
			s.fail("expected a comma or " + string(end))
			return
		}
	}
	s.take()
}

// member copies a name and its value.
func (s *scanner) member(depth int) {
	switch c := s.peek(); {
	case c == '"' || c == '\'':
		s.text()
	case startsName(c):
		s.name()
	default:
		s.fail("expected a name or }")
		return
	}
	if s.peek() != ':' {
		s.fail("expected a colon after the name")
		return
	}
	s.take()
	s.value(depth)
}

// name copies a name without quotes, which is none of the literals.
func (s *scanner) name() {
	word := s.word()
	switch string(word) {
	case "true", "false", "null":
		s.fail("expected a name or }")
		return
	}
	s.out.WriteByte('"')
	s.out.Write(word)
	s.out.WriteByte('"')
	s.at += len(word)
}

func startsName(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '$'
}

// word returns the letters and digits that come next.
func (s *scanner) word() []byte {
	end := s.at
	for end < len(s.in) && (startsName(s.in[end]) || '0' <= s.in[end] && s.in[end] <= '9') {
		end++
	}
	return s.in[s.at:end]
}

func (s *scanner) literal() {
	switch word := s.word(); string(word) {
	case "true", "false", "null":
		s.out.Write(word)
		s.at += len(word)
	default:
		s.fail("expected a value")
	}
}

// number copies a number in the form of the standard.
func (s *scanner) number() {
	end := s.at
	for end < len(s.in) && bytes.IndexByte([]byte("0123456789+-.eE"), s.in[end]) >= 0 {
		end++
	}
	if number := s.in[s.at:end]; json.Valid(number) {
		s.out.Write(number)
		s.at = end
		return
	}
	s.fail("expected a number")
}
