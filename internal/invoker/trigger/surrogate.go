package trigger

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// loneSurrogate reports whether JSON has an escape that is half of a pair of surrogates without
// the other half. encoding/json makes the same character of each, so two identities could
// become one. data is valid JSON, so a backslash is in a string.
func loneSurrogate(data []byte) bool {
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		if unit := escapedUnit(data[i:]); utf16.IsSurrogate(unit) {
			if utf16.DecodeRune(unit, escapedUnit(data[i+6:])) == utf8.RuneError {
				return true
			}
			i += 6
		}
		i++ // the character after the backslash
	}
	return false
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
