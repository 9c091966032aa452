package knative

import "strconv"

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
