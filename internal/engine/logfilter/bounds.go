package logfilter

import (
	"math"
	"slices"
	"time"
)

// LogID names a field of [Filter.Values] that no entry has: the log ID of log_id, as
// contained in the log name.
const LogID = "log_id"

// Values returns the values of which a field has one in every matching entry, in lower
// case. The field has the form of the documentation, such as
// resource.labels.job_name. Values returns false if the field may have any value.
func (f *Filter) Values(field string) ([]string, bool) {
	return valuesOf(f.root, field)
}

func valuesOf(x expr, field string) (values []string, bound bool) {
	switch x := x.(type) {
	case and:
		for _, part := range x {
			more, ok := valuesOf(part, field)
			switch {
			case ok && bound:
				values = slices.DeleteFunc(values, func(v string) bool { return !slices.Contains(more, v) })
			case ok:
				values, bound = more, true
			}
		}
		return values, bound
	case or:
		for _, part := range x {
			more, ok := valuesOf(part, field)
			if !ok {
				return nil, false
			}
			values = append(values, more...)
		}
		slices.Sort(values)
		return slices.Compact(values), true
	case logID:
		if field == LogID {
			return []string{x.escaped.folded}, true
		}
	case *comparison:
		if x.operator == equal && x.field.form == text && x.field.name() == field {
			return []string{x.literal.folded}, true
		}
	}
	return nil, false
}

// Times returns the earliest and latest time of matching entries. The zero time is no
// limit.
func (f *Filter) Times() (first, last time.Time) {
	low, high := timesOf(f.root)
	if low > math.MinInt64 {
		first = time.Unix(0, low).UTC()
	}
	if high < math.MaxInt64 {
		last = time.Unix(0, high).UTC()
	}
	return first, last
}

func timesOf(x expr) (low, high int64) {
	low, high = math.MinInt64, math.MaxInt64
	switch x := x.(type) {
	case and:
		for _, part := range x {
			l, h := timesOf(part)
			low, high = max(low, l), min(high, h)
		}
	case or:
		low, high = math.MaxInt64, math.MinInt64
		for _, part := range x {
			l, h := timesOf(part)
			low, high = min(low, l), max(high, h)
		}
	case *comparison:
		if x.field.form != moment || x.field.name() != "timestamp" || x.operator == presence {
			break
		}
		switch x.operator {
		case greater, atLeast:
			low = x.literal.exact
		case less, atMost:
			high = x.literal.exact
		case equal, has:
			low, high = x.literal.exact, x.literal.exact
		}
	}
	return low, high
}
