package logfilter

import (
	"regexp"
	"strings"
)

// literal is a value in a filter, in all forms that it can have.
type literal struct {
	text   string // without quotes and escapes
	quoted bool   // it has quotes, or needs them
	folded string // for comparisons that ignore case
	number *float64
	regexp *regexp.Regexp // for =~ and !~
	// exact is a timestamp or a duration in nanoseconds, a severity's number, or a whole
	// number.
	exact int64
}

func newLiteral(text string, quoted bool) literal {
	l := literal{text: text, quoted: quoted || !isPlain(text), folded: fold(text)}
	if n, ok := parseNumber(text); ok {
		l.number = &n
	}
	return l
}

// isBool reports whether the literal is a boolean value.
func (l literal) isBool() bool { return l.folded == "true" || l.folded == "false" }

// isNull reports whether the literal is the null of JSON.
func (l literal) isNull() bool { return !l.quoted && l.folded == "null_value" }

// String returns the literal in the form of a filter.
func (l literal) String() string {
	if l.quoted {
		return quote(l.text)
	}
	return l.text
}

// quote returns a text in quotes.
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

func plainOrQuoted(text string) string {
	if isPlain(text) {
		return text
	}
	return quote(text)
}

// quotePath returns a path in the form of a filter.
func quotePath(path []string) string {
	parts := make([]string, len(path))
	for i, part := range path {
		parts[i] = plainOrQuoted(part)
	}
	return strings.Join(parts, ".")
}

// isPlain reports whether a text, or a part of a path, needs no quotes.
func isPlain(text string) bool {
	if text == "" || text[0] == '-' || isKeyword(text) {
		return false
	}
	return strings.IndexFunc(text, func(c rune) bool { return c == '.' || c == '!' || !isWord(c) }) < 0
}

func isKeyword(text string) bool { return text == "AND" || text == "OR" || text == "NOT" }
