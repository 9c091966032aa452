package logfilter

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// fold returns the same text for all texts that count as equal: those that differ only
// in case, in the width of letters, in composition, or in invisible characters.
//
// Deviation: of the foldings that change the number of letters, only ß and those of
// compatible characters (such as ﬁ) are made.
//
// See https://cloud.google.com/logging/docs/view/logging-query-language#comparisons and
// https://www.unicode.org/reports/tr44/#NFKC_Casefold.
func fold(text string) string {
	if isASCII(text) {
		return strings.ToLower(text)
	}
	text = strings.NewReplacer("ß", "ss", "ẞ", "ss").Replace(norm.NFKC.String(text))
	return norm.NFKC.String(strings.Map(foldRune, text))
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// foldRune returns one letter for all cases of a letter, and -1 for a character that is
// ignored.
func foldRune(c rune) rune {
	if isIgnorable(c) {
		return -1
	}
	return unicode.ToLower(unicode.ToUpper(c))
}

// isIgnorable reports whether Unicode ignores a character in comparisons.
// https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
func isIgnorable(c rune) bool {
	if unicode.In(c, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
		return true
	}
	isAnnotation := 0xFFF9 <= c && c <= 0xFFFB || 0x13430 <= c && c <= 0x13440
	return unicode.Is(unicode.Cf, c) && !isAnnotation && !unicode.Is(unicode.Prepended_Concatenation_Mark, c)
}

// contains reports whether a text contains a folded one.
func contains(text, folded string) bool { return strings.Contains(fold(text), folded) }
