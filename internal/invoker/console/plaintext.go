package console

import (
	"regexp"
	"slices"
	"strings"
)

// sequences are the escape sequences that a terminal obeys, such as those for colours.
var sequences = regexp.MustCompile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|[PX^_][^\x1b]*\x1b\\\\|[ -/]+[0-~]|[0-OQ-WYZ\\\\`-~])")

// plainText returns a line as a page without colours shows it: without escape sequences, and
// without what a carriage return lets a terminal overwrite. Other control characters are shown.
func plainText(line string) string {
	line = sequences.ReplaceAllString(line, "")
	for _, part := range slices.Backward(strings.Split(line, "\r")) {
		if strings.TrimSpace(part) != "" {
			return visible(part)
		}
	}
	return ""
}
