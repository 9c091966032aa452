package logging

import (
	"bytes"
	"maps"
	"strings"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	logtype "google.golang.org/genproto/googleapis/logging/type"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// Limits of a structured payload. A line beyond them stays text.
const (
	// maxPayload is the encoded size in bytes, equal to the limit of an entry.
	// https://cloud.google.com/logging/quotas#log-limits
	maxPayload = 256 << 10
	// maxNesting is the largest depth of nested objects and lists. Clients in some
	// languages accept messages of depth 100, and each level of JSON takes three.
	maxNesting = 30
)

// parseObject reads a JSON object.
func parseObject(line []byte) (*structpb.Struct, bool) {
	text := bytes.TrimSpace(line)
	if !bytes.HasPrefix(text, []byte("{")) || !bytes.HasSuffix(text, []byte("}")) {
		return nil, false
	}
	payload := &structpb.Struct{}
	options := protojson.UnmarshalOptions{RecursionLimit: maxNesting}
	if options.Unmarshal(text, payload) != nil || proto.Size(payload) > maxPayload {
		return nil, false
	}
	return payload, true
}

// specialPrefix begins the names of members that have a meaning for Cloud Logging.
const specialPrefix = "logging.googleapis.com/"

// takeSpecial moves special members of a payload to their fields of the entry. A member
// in the wrong form stays in the payload.
//
// See https://cloud.google.com/logging/docs/structured-logging#structured_logging_special_fields.
func takeSpecial(e *loggingpb.LogEntry, payload *structpb.Struct) {
	for name, take := range special {
		if v, ok := payload.Fields[name]; ok && take(e, v) {
			delete(payload.Fields, name)
		}
	}
	takeMoment(e, payload)
}

// special are the special members. Each function reports whether it accepts the value.
var special = map[string]func(*loggingpb.LogEntry, *structpb.Value) bool{
	"severity":                  takeSeverity,
	"httpRequest":               takeHTTPRequest,
	specialPrefix + "labels":    takeLabels,
	specialPrefix + "insertId":  func(e *loggingpb.LogEntry, v *structpb.Value) bool { return takeText(&e.InsertId, v) },
	specialPrefix + "spanId":    func(e *loggingpb.LogEntry, v *structpb.Value) bool { return takeText(&e.SpanId, v) },
	specialPrefix + "trace":     func(e *loggingpb.LogEntry, v *structpb.Value) bool { return takeText(&e.Trace, v) },
	specialPrefix + "operation": takeOperation,
	specialPrefix + "trace_sampled": func(e *loggingpb.LogEntry, v *structpb.Value) bool {
		_, ok := v.GetKind().(*structpb.Value_BoolValue)
		e.TraceSampled = v.GetBoolValue()
		return ok
	},
	specialPrefix + "sourceLocation": takeSourceLocation,
}

// takeText accepts a non-empty string.
func takeText(into *string, v *structpb.Value) bool {
	if v.GetStringValue() == "" {
		return false
	}
	*into = v.GetStringValue()
	return true
}

// otherSeverities are further names of severities that Google's agents accept.
// https://github.com/GoogleCloudPlatform/fluent-plugin-google-cloud
var otherSeverities = map[string]logtype.LogSeverity{
	"D": logtype.LogSeverity_DEBUG, "TRACE": logtype.LogSeverity_DEBUG, "TRACE_INT": logtype.LogSeverity_DEBUG,
	"FINE": logtype.LogSeverity_DEBUG, "FINER": logtype.LogSeverity_DEBUG, "FINEST": logtype.LogSeverity_DEBUG,
	"CONFIG": logtype.LogSeverity_DEBUG,
	"I":      logtype.LogSeverity_INFO,
	"N":      logtype.LogSeverity_NOTICE,
	"W":      logtype.LogSeverity_WARNING, "WARN": logtype.LogSeverity_WARNING,
	"E": logtype.LogSeverity_ERROR, "ERR": logtype.LogSeverity_ERROR, "SEVERE": logtype.LogSeverity_ERROR,
	"C": logtype.LogSeverity_CRITICAL, "CRIT": logtype.LogSeverity_CRITICAL,
	"F": logtype.LogSeverity_CRITICAL, "FATAL": logtype.LogSeverity_CRITICAL,
	"A":     logtype.LogSeverity_ALERT,
	"EMERG": logtype.LogSeverity_EMERGENCY,
}

// takeSeverity accepts a severity's name or number. A number between two severities
// becomes the lower one.
func takeSeverity(e *loggingpb.LogEntry, v *structpb.Value) bool {
	name := strings.ToUpper(strings.TrimSpace(v.GetStringValue()))
	if n, ok := logtype.LogSeverity_value[name]; ok {
		e.Severity = logtype.LogSeverity(n)
		return true
	}
	if other, ok := otherSeverities[name]; ok {
		e.Severity = other
		return true
	}
	n, ok := whole(v)
	if ok && n >= 0 {
		e.Severity = logtype.LogSeverity(min(n/100*100, int64(logtype.LogSeverity_EMERGENCY)))
	}
	return ok && n >= 0
}

// takeLabels accepts labels if all are strings.
func takeLabels(e *loggingpb.LogEntry, v *structpb.Value) bool {
	fields := v.GetStructValue().GetFields()
	if len(fields) == 0 {
		return false
	}
	labels := maps.Clone(e.Labels)
	for name, label := range fields {
		text, ok := label.GetKind().(*structpb.Value_StringValue)
		if !ok {
			return false
		}
		if _, taken := labels[name]; !taken { // Cloud Run's own labels win
			labels[name] = text.StringValue
		}
	}
	e.Labels = labels
	return true
}

func takeHTTPRequest(e *loggingpb.LogEntry, v *structpb.Value) bool {
	return takeMessage(&e.HttpRequest, &logtype.HttpRequest{}, v)
}

func takeOperation(e *loggingpb.LogEntry, v *structpb.Value) bool {
	return takeMessage(&e.Operation, &loggingpb.LogEntryOperation{}, v)
}

func takeSourceLocation(e *loggingpb.LogEntry, v *structpb.Value) bool {
	return takeMessage(&e.SourceLocation, &loggingpb.LogEntrySourceLocation{}, v)
}

// takeMessage accepts an object whose members are fields of the message.
func takeMessage[M proto.Message](into *M, message M, v *structpb.Value) bool {
	text, err := protojson.Marshal(v.GetStructValue())
	if v.GetStructValue() == nil || err != nil || protojson.Unmarshal(text, message) != nil {
		return false
	}
	*into = message
	return true
}
