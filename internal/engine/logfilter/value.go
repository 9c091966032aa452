package logfilter

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	logtype "google.golang.org/genproto/googleapis/logging/type"
)

// literal is a value in a filter, in all forms that it can have.
type literal struct {
	text   string // without quotes and escapes
	quoted bool   // it has quotes, or needs them
	folded string // for comparisons that ignore case
	number *float64
	regexp *regexp.Regexp // for =~ and !~
	// nanos is a timestamp or a duration, and a severity's number.
	nanos int64
}

func newLiteral(text string, quoted bool) literal {
	l := literal{text: text, quoted: quoted || !isPlain(text), folded: fold(text)}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		l.number = &n
	}
	return l
}

// String returns the literal in the form of a filter.
func (l literal) String() string {
	if l.quoted {
		return quote(l.text)
	}
	return l.text
}

// fold returns the same text for all texts that differ only in case.
func fold(text string) string { return strings.ToLower(text) }

// contains reports whether a text contains a folded one.
func contains(text, folded string) bool { return strings.Contains(fold(text), folded) }

// parseTime reads a timestamp of RFC 3339, or a date, which means its first moment in
// UTC.
func parseTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateOnly} {
		if t, err := time.Parse(layout, strings.ToUpper(text)); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// parseSeverity reads the name or number of a severity.
// https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#logseverity
func parseSeverity(text string) (int64, bool) {
	if n, ok := logtype.LogSeverity_value[strings.ToUpper(text)]; ok {
		return int64(n), true
	}
	n, err := strconv.ParseInt(text, 10, 32)
	return n, err == nil
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

// isPlain reports whether a text, or a part of a path, needs no quotes.
func isPlain(text string) bool {
	if text == "" || text[0] == '-' || isKeyword(text) {
		return false
	}
	return strings.IndexFunc(text, func(c rune) bool { return c == '.' || !isWord(c) }) < 0
}

func isKeyword(text string) bool { return text == "AND" || text == "OR" || text == "NOT" }
