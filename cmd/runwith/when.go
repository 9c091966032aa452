package main

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// never stands for a time that has not come.
const never = "-"

const day = 24 * time.Hour

// ago tells a time by its distance from now: "3m ago", "in 2s". What is a month
// away has a date.
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

// roughly tells a distance in its largest unit.
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

// took tells how long something has lasted, until now where it has no end.
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

// exactly tells a time in full, and how far it is away.
func exactly(now time.Time, then *timestamppb.Timestamp) string {
	if then == nil {
		return ""
	}
	return fmt.Sprintf("%s (%s)", then.AsTime().Format(time.RFC3339), ago(now, then))
}
