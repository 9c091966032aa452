package knative

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// maxSelector limits a selector, in bytes.
const maxSelector = 4096

// Selector selects objects by their labels. The zero value selects all.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
type Selector struct {
	requirements []requirement
}

// requirement is a condition on one label.
type requirement struct {
	key string
	// values are the allowed values of the label; nil allows any.
	values []string
	// not inverts the condition. A missing label then matches.
	not bool
}

// ParseSelector parses comma-separated requirements, all of which must match: k = v,
// k == v, k != v, k in (a, b), k notin (a, b), k (the label exists) and !k (it does not).
// Its errors contain the position in characters, from 1.
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
		p.failf("expected an operator or a comma, not %s", jobspec.Quote(p.token))
	}
	if p.err != nil {
		return Selector{}, p.err
	}
	return s, nil
}

// Matches reports whether the selector selects an object with these labels.
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

// Value returns the only value of a label that the selector allows. ok is false if there
// is not exactly one.
func (s Selector) Value(key string) (value string, ok bool) {
	for _, r := range s.requirements {
		if r.key == key && !r.not && len(r.values) == 1 {
			return r.values[0], true
		}
	}
	return "", false
}

// selectorParser parses a selector with one token of lookahead. After the first error it
// sees no more tokens.
type selectorParser struct {
	text  string
	token string // the next token; empty at the end
	at    int    // position of token
	rest  int    // position after token
	err   error
}

// operators returns the tokens that are not words. Longer ones come first.
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

// accept skips the token if it is the next one, and reports whether it did.
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
	err := runwith.Errorf(runwith.InvalidArgument, format, args...)
	err.Message = fmt.Sprintf("character %d: %s", 1+utf8.RuneCountInString(p.text[:p.at]), err.Message)
	p.err, p.token = err, ""
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

// word reads a word. what names the expected word in errors.
func (p *selectorParser) word(what string) string {
	if !p.isWord() {
		p.failf("expected %s", what)
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
		p.failf("expected ( before the values")
		return nil
	}
	values := []string{p.value()}
	for p.accept(",") {
		values = append(values, p.value())
	}
	if !p.accept(")") {
		p.failf("expected a comma or ) after a value")
	}
	return values
}
