package terminal

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// colour matches the control sequences that only change how text looks (ECMA-48's Select
// Graphic Rendition).
var colour = regexp.MustCompile("\x1b\\[[0-9;:]*m")

// Escape returns text that a terminal shows and does not obey. A program's output could
// otherwise move the cursor, set the window's title, fill the clipboard, or make the
// terminal type an answer. Escape keeps colours, which end with the text, and also tabs
// and line breaks. It writes other control characters as Go does, such as \x1b, and also
// those that change the direction of text, which can make a line read in another order.
func Escape(text string) string {
	if !strings.ContainsFunc(text, controls) {
		return text
	}
	var out strings.Builder
	at := 0
	painted := colour.FindAllStringIndex(text, -1)
	for _, span := range painted {
		escapeInto(&out, text[at:span[0]])
		out.WriteString(text[span[0]:span[1]])
		at = span[1]
	}
	escapeInto(&out, text[at:])
	if len(painted) > 0 {
		out.WriteString("\x1b[0m")
	}
	return out.String()
}

func controls(r rune) bool {
	return unicode.IsControl(r) && r != '\t' && r != '\n' || unicode.Is(unicode.Bidi_Control, r)
}

func escapeInto(out *strings.Builder, text string) {
	for _, r := range strings.TrimSuffix(text, "\r") { // of a line that ends with CRLF
		switch {
		case !controls(r):
			out.WriteRune(r)
		case r == '\r':
			out.WriteString(`\r`)
		case r > 0xff:
			fmt.Fprintf(out, `\u%04x`, r)
		default:
			fmt.Fprintf(out, `\x%02x`, r)
		}
	}
}
