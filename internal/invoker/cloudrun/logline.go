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

// logLine is what a task printed, as near to its own bytes as Cloud Logging
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
	}
}

// jsonText writes a line that was a JSON object, message and all, in one line and
// with sorted names. Cloud Logging moves its severity out of it.
func jsonText(payload *structpb.Struct, severity logtype.LogSeverity) string {
	object := payload.AsMap()
	if _, found := object["severity"]; !found && severity != logtype.LogSeverity_DEFAULT {
		object["severity"] = severity.String()
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(object); err != nil {
		return payload.String() // NaN and infinity, which JSON has no words for
	}
	return text.String()
}

// label returns a number of Cloud Run's about the task, 0 where there is none.
func label(e *loggingpb.LogEntry, name string) int {
	n, err := strconv.Atoi(e.GetLabels()["run.googleapis.com/"+name])
	if err != nil {
		return 0
	}
	return n
}
