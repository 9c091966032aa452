package console

import (
	"fmt"
	"strings"
	"unicode"
)

// visible returns text in which characters that control a terminal or the direction of text are
// shown instead of obeyed. Line breaks and tabs stay.
func visible(text string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || r == '\t':
			out.WriteRune(r)
		case r < 0x20:
			out.WriteRune('␀' + r)
		case r == 0x7f:
			out.WriteRune('␡')
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			fmt.Fprintf(&out, "⟨%U⟩", r)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}
