package logging

import (
	"math"
	"strconv"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith/internal/microtime"
)

// maxLag is the largest difference between the time in a structured line and the time of
// its writing. A line with an older time gets the time of its writing.
//
// Deviation: Cloud Logging accepts any time within its retention, and up to a day in the
// future. Here the order of entries, pages and followers depend on the time of writing,
// and a time close to it needs little additional reading.
const maxLag = 10 * time.Minute

// moments are the members of an object that hold its time. As with Google's agents, the
// first valid one counts.
// https://cloud.google.com/logging/docs/agent/logging/configuration#timestamp-processing
var moments = []struct {
	members []string
	read    func(fields map[string]*structpb.Value) (time.Time, bool)
}{
	{[]string{"timestamp"}, func(fields map[string]*structpb.Value) (time.Time, bool) {
		inner := fields["timestamp"].GetStructValue().GetFields()
		return unixTime(inner["seconds"], inner["nanos"])
	}},
	{[]string{"timestampSeconds", "timestampNanos"}, func(fields map[string]*structpb.Value) (time.Time, bool) {
		return unixTime(fields["timestampSeconds"], fields["timestampNanos"])
	}},
	{[]string{"time"}, func(fields map[string]*structpb.Value) (time.Time, bool) {
		at, err := time.Parse(time.RFC3339, fields["time"].GetStringValue())
		return at, err == nil
	}},
}

// takeMoment moves the time of an object to the entry, which has the time of its writing
// before.
func takeMoment(e *loggingpb.LogEntry, payload *structpb.Struct) {
	written := e.Timestamp.AsTime()
	for _, m := range moments {
		at, ok := m.read(payload.Fields)
		at = microtime.Of(at)
		if !ok || at.After(written) || at.Before(written.Add(-maxLag)) {
			continue
		}
		e.Timestamp = timestamppb.New(at)
		for _, member := range m.members {
			delete(payload.Fields, member)
		}
		return
	}
}

func unixTime(seconds, nanos *structpb.Value) (time.Time, bool) {
	s, ok := whole(seconds)
	n, alsoOK := whole(nanos)
	return time.Unix(s, n), ok && alsoOK && 0 <= n && n < int64(time.Second)
}

// whole reads an integer, which may be a string.
func whole(v *structpb.Value) (int64, bool) {
	if text, ok := v.GetKind().(*structpb.Value_StringValue); ok {
		n, err := strconv.ParseInt(text.StringValue, 10, 64)
		return n, err == nil
	}
	number, ok := v.GetKind().(*structpb.Value_NumberValue)
	if !ok || number.NumberValue != math.Trunc(number.NumberValue) || math.Abs(number.NumberValue) > 1<<53 {
		return 0, false
	}
	return int64(number.NumberValue), true
}
