package knative

import (
	"math"
	"strconv"
	"strings"
)

// Int64 is a number that JSON writes as a string, as Google's APIs do with 64 bits.
type Int64 int64

// MarshalJSON returns the number in quotes.
func (n Int64) MarshalJSON() ([]byte, error) {
	return strconv.AppendQuote(nil, strconv.FormatInt(int64(n), 10)), nil
}

// Enum is the name of a value. One without a name is its number in digits, and JSON
// writes that as a number.
type Enum string

// MarshalJSON returns the name in quotes, or the number.
func (e Enum) MarshalJSON() ([]byte, error) {
	if _, err := strconv.ParseInt(string(e), 10, 32); err == nil {
		return []byte(e), nil
	}
	return strconv.AppendQuote(nil, string(e)), nil
}

// parseInteger reads a whole number of at most the given bits. As in proto3's JSON,
// it may be written with a fraction or an exponent that come to nothing.
func parseInteger(s string, bits int) (int64, bool) {
	if n, err := strconv.ParseInt(s, 10, bits); err == nil {
		return n, true
	}
	if strings.Trim(s, "0123456789-+.eE") != "" {
		return 0, false // Go's own notations
	}
	f, err := strconv.ParseFloat(s, 64)
	limit := math.Ldexp(1, min(bits-1, 53)) // what a float64 tells apart
	if err != nil || f != math.Trunc(f) || f < -limit || f >= limit {
		return 0, false
	}
	return int64(f), true
}
