package logfilter

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// parser reads a filter:
//
//	filter      = [ conjunction ]
//	conjunction = disjunction { [ "AND" ] disjunction }
//	disjunction = term { "OR" term }
//	term        = [ "NOT" | "-" ] ( "(" conjunction ")" | restriction )
//	restriction = field operator value | text | "log_id(" text ")"
//	value       = text | "*" | "(" the same of values ")"
//
// OR binds more tightly than AND. White space may stand between the parts, and comments
// from -- to the end of the line.
type parser struct {
	text    string
	pos     int // in bytes
	depth   int
	terms   int
	program int
}

func (p *parser) filter() (expr, error) {
	if !utf8.ValidString(p.text) {
		return nil, p.faultAt(strings.IndexFunc(p.text, func(c rune) bool { return c == utf8.RuneError }), "expected text in UTF-8")
	}
	if p.skip(); p.done() {
		return nil, nil
	}
	x, err := p.conjunction(p.term)
	if err == nil && !p.done() {
		err = p.fault("a comparison, or the end")
	}
	return x, err
}

// conjunction reads terms joined by AND or by nothing, until the end or a closing
// parenthesis.
func (p *parser) conjunction(term func() (expr, error)) (expr, error) {
	var parts []expr
	for {
		part, err := p.disjunction(term)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		if p.skip(); !p.keyword("AND") && (p.done() || p.at(")")) {
			return all(parts), nil
		}
	}
}

func (p *parser) disjunction(term func() (expr, error)) (expr, error) {
	var parts []expr
	for {
		p.skip()
		part, err := p.negation(term)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		if p.skip(); !p.keyword("OR") {
			return anyOf(parts), nil
		}
	}
}

func (p *parser) negation(term func() (expr, error)) (expr, error) {
	if !p.keyword("NOT") && !p.minus() {
		return p.group(term)
	}
	p.skip()
	x, err := p.group(term)
	return not{x}, err
}

// minus reads a - that negates the next term.
func (p *parser) minus() bool {
	if !p.at("-") || p.at("--") || len(p.text) == p.pos+1 || unicode.IsSpace(rune(p.text[p.pos+1])) {
		return false
	}
	p.pos++
	return true
}

// group reads a term, or terms in parentheses.
func (p *parser) group(term func() (expr, error)) (expr, error) {
	if !p.at("(") {
		return term()
	}
	if p.depth++; p.depth > maxDepth {
		return nil, p.faultAt(p.pos, "parentheses stand %d deep, at most %d are allowed", p.depth, maxDepth)
	}
	p.pos++
	x, err := p.conjunction(term)
	if err != nil {
		return nil, err
	}
	if !p.at(")") {
		return nil, p.fault(`")"`)
	}
	p.depth--
	p.pos++
	return x, nil
}

func (p *parser) done() bool { return p.pos == len(p.text) }

func (p *parser) at(what string) bool { return strings.HasPrefix(p.text[p.pos:], what) }

// next returns the next character, or utf8.RuneError at the end.
func (p *parser) next() rune {
	c, _ := utf8.DecodeRuneInString(p.text[p.pos:])
	return c
}

// skip skips white space and comments.
func (p *parser) skip() {
	for !p.done() {
		switch {
		case unicode.IsSpace(p.next()):
			p.pos += utf8.RuneLen(p.next())
		case p.at("--"):
			if end := strings.IndexByte(p.text[p.pos:], '\n'); end >= 0 {
				p.pos += end
			} else {
				p.pos = len(p.text)
			}
		default:
			return
		}
	}
}

// keyword reads a keyword if it comes next as a whole word.
func (p *parser) keyword(word string) bool {
	if p.run() != word {
		return false
	}
	p.pos += len(word)
	return true
}

// run returns the next text without quotes.
func (p *parser) run() string {
	rest := p.text[p.pos:]
	for i, c := range rest {
		if !isWord(c) || beginsOperator(rest[i:]) {
			return rest[:i]
		}
	}
	return rest
}

func beginsOperator(text string) bool {
	return strings.HasPrefix(text, string(unequal)) || strings.HasPrefix(text, string(differs))
}

// special are the characters that a text without quotes cannot contain, besides white
// space. ! is one too if it begins an operator.
// https://cloud.google.com/logging/docs/view/logging-query-language#values_conversions
const special = `~=():><,*"'\`

// isWord reports whether a character may be part of a text without quotes.
func isWord(c rune) bool {
	return c != utf8.RuneError && unicode.IsGraphic(c) && !unicode.IsSpace(c) && !strings.ContainsRune(special, c)
}

func (p *parser) fault(expected string) error {
	found := "the end"
	if !p.done() {
		found = quote(p.text[p.pos:min(len(p.text), p.pos+utf8.RuneLen(p.next()))])
		if run := p.run(); run != "" {
			found = quote(run)
		}
	}
	return p.faultAt(p.pos, "expected %s, found %.60s", expected, found)
}

func (p *parser) faultAt(at int, format string, args ...any) error {
	return fault(p.text, max(at, 0), format, args...)
}
