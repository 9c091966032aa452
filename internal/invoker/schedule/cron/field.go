package cron

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// set is a set of numbers below 64.
type set uint64

func (s set) has(n int) bool { return s>>n&1 == 1 }

// next returns the smallest member that is n or larger, or -1.
func (s set) next(n int) int {
	if n > 63 || s>>n == 0 {
		return -1
	}
	return n + bits.TrailingZeros64(uint64(s>>n))
}

// field is what the values of a field may be.
type field struct {
	name      string
	low, high int
	names     []string // of the values from low on
}

var fields = [...]field{
	{"minute", 0, 59, nil},
	{"hour", 0, 23, nil},
	{"day of month", 1, 31, nil},
	{"month", 1, 12, []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}},
	{"day of week", 0, 7, []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}},
}

// parse reads a field: a list of parts.
func (f field) parse(text string) (s set, err error) {
	for part := range strings.SplitSeq(text, ",") {
		some, err := f.part(part)
		if err != nil {
			return 0, fmt.Errorf("%s %q: %w", f.name, text, err)
		}
		s |= some
	}
	return s, nil
}

// part reads a value, a range or a step.
func (f field) part(text string) (s set, err error) {
	span, step, stepped := strings.Cut(text, "/")
	low, high, err := f.span(span, stepped)
	if err != nil {
		return 0, err
	}
	every := 1
	if stepped {
		if every, err = strconv.Atoi(step); err != nil || every < 1 || step[0] == '+' {
			return 0, fmt.Errorf("the step /%s must be a whole number from 1", step)
		}
		if every > high-low {
			return 0, fmt.Errorf("the step /%s is longer than %d-%d, so it would never be taken", step, low, high)
		}
	}
	for n := low; n <= high; n += every {
		s |= 1 << n
	}
	return s, nil
}

// span reads *, a value, or a range.
func (f field) span(text string, stepped bool) (low, high int, err error) {
	first, last, ranged := strings.Cut(text, "-")
	switch {
	case text == "*":
		return f.low, f.most(), nil
	case text == "":
		return 0, 0, fmt.Errorf("a value is missing: write *, a number, a range such as %d-%d, or a list", f.low, f.low+4)
	case strings.ContainsAny(text, "?LW#lw") && f.names == nil || text == "?" || strings.Contains(text, "#"):
		return 0, 0, fmt.Errorf("?, L, W and # are not supported: write numbers, or let the job decide")
	}
	if low, err = f.value(first); err != nil || !ranged {
		if err == nil && stepped {
			err = fmt.Errorf("a step needs a range, such as %s-%d/2 or */2", first, f.high)
		}
		return low, low, err
	}
	if high, err = f.value(last); err != nil {
		return 0, 0, err
	}
	if f.high == 7 && high == 0 && low > 0 {
		high = 7 // FRI-SUN
	}
	if high < low {
		return 0, 0, fmt.Errorf("the range %s ends before it begins", text)
	}
	return low, high, nil
}

// most is the largest value that * has: Sunday is 0 and 7.
func (f field) most() int {
	if f.high == 7 {
		return 6
	}
	return f.high
}

// value reads a number or a name.
func (f field) value(text string) (int, error) {
	for i, name := range f.names {
		if strings.EqualFold(text, name) {
			return f.low + i, nil
		}
	}
	if text == "" {
		return 0, errors.New("a value is missing before or after -")
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.low || n > f.high || len(text) > 2 || text[0] == '+' {
		also := ""
		if f.names != nil {
			also = ", or a name such as " + f.names[0]
		}
		return 0, fmt.Errorf("%.20q must be a number from %d to %d%s", text, f.low, f.high, also)
	}
	return n, nil
}
