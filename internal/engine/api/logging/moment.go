package logging

import (
	"math"
	"strconv"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// maxLag is how long before a line was written the time may be that it tells of
// itself. What a program holds back for longer has the time at which it was written.
//
// Deviation: Cloud Logging takes any time within its retention, and one that is up to
// a day ahead. Here order, pages and followers rest on when a line was written, and
// a time that is close to that is found with little more reading.
const maxLag = 10 * time.Minute

// moments are the members of an object that tell its time. Google's agents look at
// the first of them that is there.
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

// takeMoment makes the time that an object tells the entry's, which has that of its
// writing, and takes it out of the object.
func takeMoment(e *loggingpb.LogEntry, payload *structpb.Struct) {
	written := e.Timestamp.AsTime()
	for _, m := range moments {
		at, ok := m.read(payload.Fields)
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

// whole reads a number without a fraction, which may be written as a text.
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
