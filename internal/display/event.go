package display

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/terminal"
)

// TriggerEvents shows events of triggers as a table.
func TriggerEvents(s *terminal.Screen, now time.Time, events []*runwith.TriggerEvent) error {
	t := &terminal.Table{Head: []string{"ID", "TRIGGER", "EVENT", "OUTCOME", "RECEIVED", "SEEN", "RESULT"}}
	for _, e := range events {
		row := terminal.Cells(e.ID, e.Trigger, orNever(e.Event), string(e.Outcome), ago(now, timestamppb.New(e.Received)), seen(e), eventResult(e))
		row[3].Style = outcomeStyle(e.Outcome)
		t.Add(row...)
	}
	return t.Write(s)
}

// seen returns how often an event has arrived. Only refused events are counted: a repeat of an
// accepted one is answered from its invocation.
func seen(e *runwith.TriggerEvent) string {
	if e.Seen == 0 {
		return never
	}
	return strconv.Itoa(e.Seen)
}

// eventResult returns what came of an event: the invocation, or why there is none.
func eventResult(e *runwith.TriggerEvent) string {
	switch {
	case e.Invocation != "":
		return "invocation " + e.Invocation
	case e.Error != nil:
		return e.Error.Message
	}
	return never
}

func orNever(text string) string {
	if text == "" {
		return never
	}
	return text
}

func outcomeStyle(o runwith.TriggerOutcome) terminal.Style {
	if o == runwith.TriggerRefused {
		return terminal.Red
	}
	return terminal.Green
}

// TriggerEvent shows an event of a trigger in sections.
func TriggerEvent(s *terminal.Screen, now time.Time, e *runwith.TriggerEvent) error {
	v := newView(s, now)
	v.Begin("Event " + e.ID)
	v.Row("Trigger", e.Trigger)
	v.Row("Job", e.Job)
	v.Row("Identity", orNever(e.Event))
	row := terminal.Cells("Outcome", string(e.Outcome))
	row[1].Style = outcomeStyle(e.Outcome)
	v.Cells(row...)
	v.Row("Received", exactly(now, timestamppb.New(e.Received)))
	if e.Invocation != "" {
		v.Row("Invocation", e.Invocation)
	}
	if e.Error == nil {
		return v.End() // accepted at once: the invocation has the rest
	}
	v.Row("Seen", strconv.Itoa(e.Seen))
	v.Row("Sender", orNever(e.Sender))
	v.Row("Refused", e.Error.Code+": "+e.Error.Message)
	if !e.Retried.IsZero() {
		v.Row("Retried", exactly(now, timestamppb.New(e.Retried)))
	}
	v.Begin("Content")
	v.Row("Content-Type", orNever(e.ContentType))
	for _, name := range slices.Sorted(maps.Keys(e.Header)) {
		v.Row(name, e.Header[name])
	}
	v.Row("Size", strconv.FormatInt(e.Size, 10)+" bytes")
	v.Row("Body", bodyOf(e))
	return v.End()
}

// bodyOf returns the body of an event, or why it is not shown.
func bodyOf(e *runwith.TriggerEvent) string {
	switch {
	case e.Base64 != nil:
		return "is not text; --json shows it in base64"
	case e.Body == "" && e.Size > 0:
		return "was too long to be kept"
	}
	return orNever(strings.TrimSpace(e.Body))
}
