package display

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// never stands for an unset time.
const never = "-"

const day = 24 * time.Hour

// ago returns a time by its distance from now, such as "3m ago" and "in 2s", and by
// its date if it is a month away.
func ago(now time.Time, then *timestamppb.Timestamp) string {
	if then == nil {
		return never
	}
	past := now.Sub(then.AsTime())
	switch far := past.Abs(); {
	case far >= 30*day:
		return then.AsTime().Local().Format(time.DateOnly)
	case past < 0 && far >= time.Second:
		return "in " + roughly(far)
	}
	return roughly(past) + " ago"
}

// roughly returns a duration in its largest unit.
func roughly(d time.Duration) string {
	switch {
	case d >= day:
		return fmt.Sprintf("%dd", d/day)
	case d >= time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= time.Minute:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", max(d, 0)/time.Second)
}

// took returns the time between start and end, and between start and now if the end
// is unset.
func took(now time.Time, start, end *timestamppb.Timestamp) string {
	if start == nil {
		return never
	}
	if end != nil {
		now = end.AsTime()
	}
	d := max(now.Sub(start.AsTime()), 0)
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// exactly returns a time in full and by its distance from now, and "" if it is unset.
func exactly(now time.Time, then *timestamppb.Timestamp) string {
	if then == nil {
		return ""
	}
	return fmt.Sprintf("%s (%s)", then.AsTime().Format(time.RFC3339), ago(now, then))
}
