package googlejson

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Kind describes a token without its value, which may be secret. Numbers are shown.
func Kind(token json.Token) string {
	switch token := token.(type) {
	case json.Delim:
		if token == '{' {
			return "an object"
		}
		return "a list"
	case json.Number:
		return fmt.Sprintf("%.40s", token)
	case bool:
		return fmt.Sprint(token)
	case nil:
		return "null"
	}
	return "a string"
}

// Bool returns the boolean in a token, which may be a word in a string.
func Bool(token json.Token) (value, ok bool) {
	switch token := token.(type) {
	case bool:
		return token, true
	case string:
		switch strings.ToLower(token) {
		case "true", "t", "yes", "y", "1":
			return true, true
		case "false", "f", "no", "n", "0":
			return false, true
		}
	}
	return false, false
}

// Integer returns the whole number of at most the given bits in a token. It may be in a
// string, and have a zero fraction or an exponent.
func Integer(token json.Token, bits int) (int64, bool) {
	text, ok := numeral(token)
	if !ok {
		return 0, false
	}
	if n, err := strconv.ParseInt(text, 10, bits); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(text, 64)
	limit := math.Ldexp(1, min(bits-1, 53)) // a float64 is exact up to 2^53
	if err != nil || f != math.Trunc(f) || f < -limit || f >= limit {
		return 0, false
	}
	return int64(f), true
}

// Unsigned is [Integer] for numbers without a sign.
func Unsigned(token json.Token, bits int) (uint64, bool) {
	text, ok := numeral(token)
	if !ok {
		return 0, false
	}
	if n, err := strconv.ParseUint(text, 10, bits); err == nil {
		return n, true
	}
	n, ok := Integer(token, 64)
	return uint64(n), ok && n >= 0 && (bits == 64 || n>>bits == 0)
}

// Float returns the number in a token. It may be in a string, and infinite or none there.
func Float(token json.Token, bits int) (float64, bool) {
	switch token {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	text, ok := numeral(token)
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, bits)
	return f, err == nil
}

// numeral returns the decimal number in a token. Go's own notations are none.
func numeral(token json.Token) (string, bool) {
	switch token := token.(type) {
	case json.Number:
		return token.String(), true
	case string:
		return token, token != "" && strings.Trim(token, "0123456789-+.eE") == ""
	}
	return "", false
}

// Bytes returns the bytes in a token, in either alphabet of base64.
func Bytes(token json.Token) ([]byte, bool) {
	text, ok := token.(string)
	if !ok {
		return nil, false
	}
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	raw, err := base64.RawStdEncoding.DecodeString(text)
	return raw, err == nil
}
