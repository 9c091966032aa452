package knative

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// maxSelector bounds a selector, in bytes.
const maxSelector = 4096

// Selector chooses objects by their labels. The zero value chooses all.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
type Selector struct {
	requirements []requirement
}

// requirement is what one label must be.
type requirement struct {
	key string
	// values are those that the label may have; nil: any.
	values []string
	// not asks for the contrary, which is also so where the label is missing.
	not bool
}

// ParseSelector reads requirements with commas between them, all of which must be
// met: k = v, k == v, k != v, k in (a, b), k notin (a, b), k (the label is there) and
// !k (it is not). Its errors tell at which character, counted from 1.
func ParseSelector(text string) (Selector, error) {
	if len(text) > maxSelector {
		return Selector{}, runwith.Errorf(runwith.InvalidArgument, "has %d bytes, at most %d are allowed", len(text), maxSelector)
	}
	p := &selectorParser{text: text}
	p.advance()
	var s Selector
	if p.token == "" && p.err == nil {
		return s, nil
	}
	for more := true; more && p.err == nil; more = p.accept(",") {
		s.requirements = append(s.requirements, p.requirement())
	}
	if p.token != "" {
		p.failf("an operator or a comma must stand here, not %s", jobspec.Quote(p.token))
	}
	if p.err != nil {
		return Selector{}, p.err
	}
	return s, nil
}

// Matches reports whether an object with these labels is chosen.
func (s Selector) Matches(labels map[string]string) bool {
	for _, r := range s.requirements {
		value, there := labels[r.key]
		met := there && (r.values == nil || slices.Contains(r.values, value))
		if met == r.not {
			return false
		}
	}
	return true
}

// Value returns the one value that a label must have to be chosen, and whether there
// is one.
func (s Selector) Value(key string) (value string, ok bool) {
	for _, r := range s.requirements {
		if r.key == key && !r.not && len(r.values) == 1 {
			return r.values[0], true
		}
	}
	return "", false
}

// selectorParser reads a selector, one token ahead. After the first fault it goes on
// without tokens.
type selectorParser struct {
	text  string
	token string // the next one; empty at the end
	at    int    // where it begins
	rest  int    // where the one after it may begin
	err   error
}

// operators are tokens besides words; of two that fit, the longer one comes first.
func operators() []string { return []string{"==", "!=", "=", "!", "(", ")", ",", "<", ">"} }

// advance reads the next token.
func (p *selectorParser) advance() {
	for p.rest < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.rest]) >= 0 {
		p.rest++
	}
	p.at, p.token = p.rest, ""
	rest := p.text[p.rest:]
	for _, operator := range operators() {
		if strings.HasPrefix(rest, operator) {
			p.token = operator
			break
		}
	}
	if p.token == "" {
		end := strings.IndexAny(rest, " \t\r\n=!(),<>")
		if end < 0 {
			end = len(rest)
		}
		p.token = rest[:end]
	}
	p.rest += len(p.token)
}

// accept reads over a token, if it is the next one.
func (p *selectorParser) accept(token string) bool {
	if p.token != token || p.err != nil {
		return false
	}
	p.advance()
	return true
}

func (p *selectorParser) failf(format string, args ...any) {
	if p.err != nil {
		return
	}
	fault := runwith.Errorf(runwith.InvalidArgument, format, args...)
	fault.Message = fmt.Sprintf("character %d: %s", 1+utf8.RuneCountInString(p.text[:p.at]), fault.Message)
	p.err, p.token = fault, ""
}

func (p *selectorParser) requirement() requirement {
	if p.accept("!") {
		return requirement{key: p.word("the key of a label"), not: true}
	}
	r := requirement{key: p.word("the key of a label")}
	switch operator := strings.ToLower(p.token); operator {
	case "=", "==", "!=":
		p.advance()
		r.values, r.not = []string{p.value()}, operator == "!="
	case "in", "notin":
		p.advance()
		r.values, r.not = p.list(), operator == "notin"
	}
	return r
}

func (p *selectorParser) isWord() bool {
	return p.token != "" && !slices.Contains(operators(), p.token)
}

// word reads what must be there.
func (p *selectorParser) word(what string) string {
	if !p.isWord() {
		p.failf("%s must stand here", what)
		return ""
	}
	word := p.token
	p.advance()
	return word
}

// value reads a value, which may be empty.
func (p *selectorParser) value() string {
	if !p.isWord() {
		return ""
	}
	return p.word("a value")
}

// list reads values in parentheses.
func (p *selectorParser) list() []string {
	if !p.accept("(") {
		p.failf("( must stand here, before the values")
		return nil
	}
	values := []string{p.value()}
	for p.accept(",") {
		values = append(values, p.value())
	}
	if !p.accept(")") {
		p.failf("a comma or ) must stand here, behind a value")
	}
	return values
}
