// Package surrogate finds escapes of JSON that stand for no character.
package surrogate

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Lone returns the index of the first escape that is half of a pair of surrogates without the
// other half, or -1. encoding/json makes U+FFFD of each, so two different texts could become one.
// data is valid JSON, so a backslash is in a string.
func Lone(data []byte) int {
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		if unit := escapedUnit(data[i:]); utf16.IsSurrogate(unit) {
			if utf16.DecodeRune(unit, escapedUnit(data[i+6:])) == utf8.RuneError {
				return i
			}
			i += 6
		}
		i++ // the character after the backslash
	}
	return -1
}

// escapedUnit returns the number in an escape such as \u00e9 at the beginning of data, or 0.
func escapedUnit(data []byte) rune {
	if len(data) < 6 || data[0] != '\\' || data[1] != 'u' {
		return 0
	}
	unit, err := strconv.ParseUint(string(data[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(unit)
}
