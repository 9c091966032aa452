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

// logLine returns a line that a task printed, as close to its own bytes as Cloud Logging
// keeps it.
func logLine(e *loggingpb.LogEntry) runwith.LogLine {
	text := e.GetTextPayload()
	if payload := e.GetJsonPayload(); payload != nil {
		text = jsonText(payload, e.GetSeverity())
	}
	return runwith.LogLine{
		Time:    timeOf(e.GetTimestamp()),
		Task:    label(e, "task_index"),
		Attempt: label(e, "task_attempt"),
		Stream:  stream(e.GetLogName()),
		Text:    strings.TrimSuffix(text, "\n"),

		Position: placeOf(e).String(),
	}
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
	n, err := strconv.Atoi(e.GetLabels()["run.googleapis.com/"+name])
	if err != nil {
		return 0
	}
	return n
}
