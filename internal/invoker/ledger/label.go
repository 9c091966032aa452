package ledger

import (
	"strings"
	"unicode/utf8"
)

const (
	// MaxLabels is the number of labels that a record may have.
	MaxLabels = 16
	// MaxLabelName bounds the name of a label, in characters.
	MaxLabelName = 63
	// MaxLabelValue bounds the value of a label, in characters.
	MaxLabelValue = 128
)

// LabelFits reports whether a record may have the label: it has a name, is not too long, and
// is text without control characters. The value may be empty.
func LabelFits(name, value string) bool {
	return name != "" && utf8.RuneCountInString(name) <= MaxLabelName && utf8.RuneCountInString(value) <= MaxLabelValue &&
		plain(name) && plain(value)
}

// plain reports whether a text is UTF-8 without control characters.
func plain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == '\x7f' })
}
