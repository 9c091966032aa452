package googlejson

import (
	"strconv"
	"unicode/utf16"
)

// text copies a string in either kind of quotes.
func (s *scanner) text() {
	quote := s.in[s.at]
	s.at++
	s.out.WriteByte('"')
	for {
		switch {
		case s.at == len(s.in):
			s.fail("expected the end of a string")
			return
		case s.in[s.at] == quote:
			s.at++
			s.out.WriteByte('"')
			return
		case s.in[s.at] == '\\':
			if s.escape(); s.problem != "" {
				return
			}
		default:
			s.char(s.in[s.at])
			s.at++
		}
	}
}

// char writes one byte of a string's content.
func (s *scanner) char(c byte) {
	switch {
	case c == '"' || c == '\\':
		s.out.WriteByte('\\')
		s.out.WriteByte(c)
	case c < ' ':
		s.out.WriteString(`\u00`)
		s.out.WriteString(strconv.FormatUint(uint64(c)+0x100, 16)[1:])
	default:
		s.out.WriteByte(c)
	}
}

// escape copies a backslash and what follows. If that has no meaning, it stands for
// itself.
func (s *scanner) escape() {
	if s.at+1 == len(s.in) {
		s.fail("expected the end of a string")
		return
	}
	switch c := s.in[s.at+1]; c {
	case 'u':
		s.codePoint()
		return
	case 'b', 'f', 'n', 'r', 't':
		s.out.Write([]byte{'\\', c})
	case 'v':
		s.char('\v')
	default:
		s.char(c) // the first byte of the character; the others follow by themselves
	}
	s.at += 2
}

// codePoint copies an escaped character, which is one escape or a pair of surrogates.
//
// A single surrogate is no character. Go would replace it.
func (s *scanner) codePoint() {
	first, ok := s.unit(s.at)
	length := 6
	if ok && utf16.IsSurrogate(first) {
		second, _ := s.unit(s.at + length)
		ok = utf16.DecodeRune(first, second) != '\uFFFD'
		length = 12
	}
	if !ok {
		s.fail(`expected \u and four hexadecimal digits of a character, two of them for a pair of surrogates`)
		return
	}
	s.out.Write(s.in[s.at : s.at+length])
	s.at += length
}

// unit returns the value of an escape such as \u00e9 at a place.
func (s *scanner) unit(at int) (rune, bool) {
	if at+6 > len(s.in) || s.in[at] != '\\' || s.in[at+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s.in[at+2:at+6]), 16, 32)
	return rune(n), err == nil
}
