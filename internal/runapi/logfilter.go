package runapi

import (
	"strings"

	"github.com/runwith/runwith"
)

// comparison is one clause of a log filter, such as resource.type = "x".
type comparison struct {
	field, op, value string
	at               int // where it begins, in bytes from 1
}

// parseLogFilter reads a filter of Cloud Logging that is a conjunction of
// comparisons; newlines join as AND does. Anything else is refused with its
// position.
// https://cloud.google.com/logging/docs/view/logging-query-language
func parseLogFilter(filter string) ([]comparison, error) {
	p := &filterParser{text: filter}
	var all []comparison
	for p.skipSpace(); !p.done(); p.skipSpace() {
		if len(all) > 0 && p.keyword("AND") {
			p.skipSpace()
		}
		c, err := p.comparison()
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

type filterParser struct {
	text string
	pos  int
}

func (p *filterParser) done() bool { return p.pos >= len(p.text) }

func (p *filterParser) skipSpace() {
	for !p.done() && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

// keyword takes a word if it stands here alone.
func (p *filterParser) keyword(word string) bool {
	after, ok := strings.CutPrefix(p.text[p.pos:], word)
	if !ok || after != "" && strings.IndexByte(" \t\r\n", after[0]) < 0 {
		return false
	}
	p.pos += len(word)
	return true
}

func (p *filterParser) comparison() (comparison, error) {
	c := comparison{at: p.pos + 1}
	var err error
	if c.field, err = p.operand(".", "a field"); err != nil {
		return c, err
	}
	p.skipSpace()
	if c.op = p.operator(); c.op == "" {
		return c, p.fault("an operator, one of = >= >, after " + c.field)
	}
	p.skipSpace()
	c.value, err = p.operand(".-_:/%@+", "a value")
	return c, err
}

func (p *filterParser) operator() string {
	for _, op := range []string{">=", "=", ">"} {
		if strings.HasPrefix(p.text[p.pos:], op) && !strings.HasPrefix(p.text[p.pos:], "=~") {
			p.pos += len(op)
			return op
		}
	}
	return ""
}

// operand takes words and quoted strings that stand together; a word is letters,
// digits, _ and the extra characters.
func (p *filterParser) operand(extra, what string) (string, error) {
	var out strings.Builder
	for start := p.pos; ; {
		switch {
		case !p.done() && p.text[p.pos] == '"':
			text, err := p.quoted()
			if err != nil {
				return "", err
			}
			out.WriteString(text)
		case !p.done() && (isWord(p.text[p.pos]) || strings.IndexByte(extra, p.text[p.pos]) >= 0):
			out.WriteByte(p.text[p.pos])
			p.pos++
		case p.pos == start:
			return "", p.fault(what)
		default:
			return out.String(), nil
		}
	}
}

func (p *filterParser) quoted() (string, error) {
	start := p.pos
	var out strings.Builder
	for p.pos++; !p.done(); p.pos++ {
		switch c := p.text[p.pos]; {
		case c == '"':
			p.pos++
			return out.String(), nil
		case c == '\\' && p.pos+1 < len(p.text):
			p.pos++
			out.WriteByte(p.text[p.pos])
		default:
			out.WriteByte(c)
		}
	}
	p.pos = start
	return "", p.fault("the end of a quoted string that begins here")
}

func (p *filterParser) fault(expected string) error {
	return runwith.Errorf(runwith.InvalidArgument, "filter: at position %d: expected %s; only comparisons joined by AND are served",
		p.pos+1, expected)
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
