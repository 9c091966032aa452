package knative

import (
	"math"
	"strconv"
	"strings"
)

// Int64 is a number that is a string in JSON, like 64-bit numbers in Google's APIs.
type Int64 int64

// MarshalJSON returns the number in quotes.
func (n Int64) MarshalJSON() ([]byte, error) {
	return strconv.AppendQuote(nil, strconv.FormatInt(int64(n), 10)), nil
}

// Enum is the name of a value, or its number in digits if it has no name. In JSON a
// number stays a number.
type Enum string

// MarshalJSON returns the name in quotes, or the number.
func (e Enum) MarshalJSON() ([]byte, error) {
	if _, err := strconv.ParseInt(string(e), 10, 32); err == nil {
		return []byte(e), nil
	}
	return strconv.AppendQuote(nil, string(e)), nil
}

// parseInteger parses a whole number of at most the given bits. As in proto3's JSON, it
// may have a zero fraction or an exponent.
func parseInteger(s string, bits int) (int64, bool) {
	if n, err := strconv.ParseInt(s, 10, bits); err == nil {
		return n, true
	}
	if strings.Trim(s, "0123456789-+.eE") != "" {
		return 0, false // Go's own notations
	}
	f, err := strconv.ParseFloat(s, 64)
	limit := math.Ldexp(1, min(bits-1, 53)) // a float64 is exact up to 2^53
	if err != nil || f != math.Trunc(f) || f < -limit || f >= limit {
		return 0, false
	}
	return int64(f), true
}
