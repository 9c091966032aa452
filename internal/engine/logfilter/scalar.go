package logfilter

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	logtype "google.golang.org/genproto/googleapis/logging/type"
)

// The types of values.
// https://cloud.google.com/logging/docs/view/logging-query-language#values_conversions

// isoDates and isoClocks are the dates and clock times of ISO 8601, with separators and
// without. A fraction may follow the seconds.
var (
	isoDates  = []string{time.DateOnly, "20060102"}
	isoClocks = [][]string{{"15:04:05", "15:04", "15"}, {"150405", "1504", "15"}}
	isoZones  = []string{"Z07:00", "Z0700", "Z07", ""}
)

// parseTime reads a timestamp of RFC 3339 or ISO 8601. An offset needs no colon, because
// Google's Python client sends +0000. A time without an offset is in UTC, and a date
// means its first moment.
func parseTime(text string) (time.Time, bool) {
	text = strings.ToUpper(text)
	for i, date := range isoDates {
		if t, err := time.Parse(date, text); err == nil {
			return t, true
		}
		for _, clock := range isoClocks[i] {
			for _, zone := range isoZones {
				if t, err := time.Parse(date+"T"+clock+zone, text); err == nil {
					return t.UTC(), true
				}
			}
		}
	}
	return time.Time{}, false
}

// clamp is a time in Unix nanoseconds, limited to their range.
func clamp(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// units are the units of durations.
var units = map[string]time.Duration{
	"ns": time.Nanosecond, "us": time.Microsecond, "ms": time.Millisecond,
	"s": time.Second, "m": time.Minute, "h": time.Hour,
}

// parseDuration reads a decimal number with one unit, such as -1.5s, and returns
// nanoseconds, limited to their range.
func parseDuration(text string) (int64, bool) {
	size := strings.LastIndexAny(text, "0123456789.") + 1
	unit, ok := units[strings.ToLower(text[size:])]
	if _, isNumber := parseNumber(text[:size]); !ok || !isNumber || strings.ContainsAny(text[:size], "eE") {
		return 0, false
	}
	length, ok := new(big.Rat).SetString(text[:size])
	if !ok {
		return 0, false
	}
	length.Mul(length, big.NewRat(int64(unit), 1))
	nanos := new(big.Int).Quo(length.Num(), length.Denom())
	switch {
	case nanos.IsInt64():
		return nanos.Int64(), true
	case nanos.Sign() < 0:
		return math.MinInt64, true
	}
	return math.MaxInt64, true
}

// parseNumber reads a decimal number, or the name of a special value.
func parseNumber(text string) (float64, bool) {
	switch strings.ToLower(text) {
	case "nan":
		return math.NaN(), true
	case "infinity":
		return math.Inf(1), true
	case "-infinity":
		return math.Inf(-1), true
	}
	if strings.Trim(text, "0123456789.eE+-") != "" { // Go reads further forms
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

// parseWhole reads a whole number of a size.
func parseWhole(text string, bits int) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, bits)
	return n, err == nil
}

// parseSeverity reads the name or number of a severity.
// https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#logseverity
func parseSeverity(text string) (int64, bool) {
	if n, ok := logtype.LogSeverity_value[strings.ToUpper(text)]; ok {
		return int64(n), true
	}
	n, err := strconv.ParseInt(text, 10, 32)
	return n, err == nil
}
