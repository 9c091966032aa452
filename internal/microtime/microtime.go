// Package microtime rounds times down to microseconds. Google's APIs send no more digits
// of a second, and many clients parse no more: Python's %f takes six.
package microtime

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// Of returns a time in UTC, rounded down to the microsecond. The zero time stays zero.
func Of(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Nanos rounds Unix nanoseconds down to the microsecond.
func Nanos(nanos int64) int64 { return nanos - nanos%int64(time.Microsecond) }

// New returns the timestamp of a time, rounded down to the microsecond.
func New(t time.Time) *timestamppb.Timestamp { return timestamppb.New(Of(t)) }

// Round rounds a timestamp down to the microsecond, in place. Nil stays nil.
func Round(t *timestamppb.Timestamp) {
	if t != nil {
		t.Nanos -= t.Nanos % int32(time.Microsecond)
	}
}
