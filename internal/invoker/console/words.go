package console

import "strings"

// plural returns a number with its noun: "1 invocation", "3 invocations".
func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return count(n) + " " + noun
}

// counted is plural for what is counted only up to a limit: "10+ invocations".
func counted(n int, noun string) string {
	if n > countedAtMost {
		return upTo(n) + " " + noun + "s"
	}
	return plural(n, noun)
}

// briefLength is how much of a text a list shows, in characters.
const briefLength = 200

// brief returns the beginning of a text in one line, with its control characters visible.
func brief(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "�")), " ")
	if runes := []rune(text[:min(len(text), 4*briefLength)]); len(runes) > briefLength {
		text = string(runes[:briefLength]) + "…"
	}
	return visible(text)
}
