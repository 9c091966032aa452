package cloudrun

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	logtype "google.golang.org/genproto/googleapis/logging/type"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/runwith/runwith"
)

// The labels of an entry that name its task and its attempt.
const (
	taskIndex   = "run.googleapis.com/task_index"
	taskAttempt = "run.googleapis.com/task_attempt"
)

// logLine returns a line that a task printed.
func logLine(e *loggingpb.LogEntry) runwith.LogLine {
	return runwith.LogLine{
		Time:    timeOf(e.GetTimestamp()),
		Task:    label(e, taskIndex),
		Attempt: label(e, taskAttempt),
		Stream:  stream(e.GetLogName()),
		Text:    strings.TrimSuffix(e.GetTextPayload(), "\n"),

		Position: placeOf(e).String(),
	}
}

// entryText returns the text of a line, as close to its own bytes as Cloud Logging keeps it.
func entryText(e *loggingpb.LogEntry) string {
	if payload := e.GetJsonPayload(); payload != nil {
		return jsonText(payload, e.GetSeverity())
	}
	return e.GetTextPayload()
}

// jsonText returns a line that was a JSON object, with its message, in one line and with
// sorted names. Cloud Logging has moved its severity out of it.
func jsonText(payload *structpb.Struct, severity logtype.LogSeverity) string {
	object := payload.AsMap()
	if _, found := object["severity"]; !found && severity != logtype.LogSeverity_DEFAULT {
		object["severity"] = severity.String()
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(object); err != nil {
		return payload.String() // JSON has no NaN and no infinity
	}
	return text.String()
}

// label returns a number that Cloud Run attaches to the task's entries; 0 if it is missing.
func label(e *loggingpb.LogEntry, name string) int {
	n, err := strconv.Atoi(e.GetLabels()[name])
	if err != nil {
		return 0
	}
	return n
}
