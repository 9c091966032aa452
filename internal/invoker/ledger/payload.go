package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/runwith/runwith"
)

const (
	// maxPayloadText bounds each text of a payload, and maxPayloadMessage the message of a
	// failure, in bytes of JSON.
	maxPayloadText, maxPayloadMessage = 300, 3000
	// maxPayloadLabels bounds the labels of a payload. Those of every request fit.
	maxPayloadLabels = 14_000
)

// payload is the body of a callback, as Standard Webhooks has it.
type payload struct {
	Type      Event     `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      eventData `json:"data"`
}

// eventData is the invocation in a callback, without values of the request and output of the
// job.
type eventData struct {
	ID        string            `json:"id"`
	Job       string            `json:"job"`
	State     runwith.State     `json:"state"`
	Version   int64             `json:"version"`
	Caller    string            `json:"caller,omitempty"`
	Execution string            `json:"execution,omitempty"`
	Counts    runwith.Counts    `json:"counts"`
	Error     *eventError       `json:"error,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	Created   time.Time         `json:"created"`
	Started   time.Time         `json:"started,omitzero"`
	Finished  time.Time         `json:"finished,omitzero"`
	Updated   time.Time         `json:"updateTime"`
	Logs      string            `json:"logs"`
}

// eventError is why an invocation failed, without the output of its tasks.
type eventError struct {
	Code     string `json:"code"`
	Reason   string `json:"reason,omitempty"`
	Message  string `json:"message"`
	Task     *int   `json:"task,omitempty"`
	Attempt  *int   `json:"attempt,omitempty"`
	ExitCode int    `json:"exitCode,omitempty"`
	Signal   int    `json:"signal,omitempty"`
}

// Deliveries returns the deliveries of a move: one for each subscriber that wants its event.
func Deliveries(m Move, now time.Time) (made []Delivery) {
	event := EventOf(m)
	if event == "" {
		return nil
	}
	r := m.Made(now)
	for _, s := range r.Subscribers {
		if s.Hears(event) {
			made = append(made, Delivery{
				ID: deliveryID(r, s.Endpoint), Invocation: r.ID, Job: r.Job, Owner: r.Caller,
				Endpoint: s.Endpoint, URL: s.URL, Event: event, Payload: payloadOf(r, event, now),
				State: DeliveryPending, Created: Stored(now),
			})
		}
	}
	return made
}

// deliveryID is the same in every store, and again after a crash.
func deliveryID(r Record, endpoint string) string {
	return "evt_" + digest(18, "delivery", r.ID, fmt.Sprint(r.Version), endpoint)
}

// Explained returns the delivery of a failure with the reason that was found later. It stays
// the same if it was attempted before.
func (d Delivery) Explained(r Record) Delivery {
	if d.State == DeliveryPending && d.Attempts == 0 && d.Lease.IsZero() && d.Event == EventFailed {
		d.Payload = payloadOf(r, d.Event, d.Created)
	}
	return d
}

// payloadOf returns the JSON of a payload, below [MaxPayload] bytes whatever the record has.
func payloadOf(r Record, event Event, now time.Time) []byte {
	p := payload{
		Type: event, Timestamp: Stored(now),
		Data: eventData{
			ID: short(r.ID, maxPayloadText), Job: short(r.Job, maxPayloadText), State: r.State, Version: r.Version,
			Caller: short(r.Caller, maxPayloadText), Execution: short(r.Execution, maxPayloadText), Counts: r.Counts, Labels: fewLabels(r.Labels),
			Created: r.Created, Started: Stored(r.Started), Finished: r.Finished, Updated: Stored(now),
			Logs: "/api/v1/invocations/" + short(r.ID, maxPayloadText) + "/logs",
		},
	}
	if e := r.Error; e != nil {
		p.Data.Error = &eventError{
			Code: short(e.Code, maxPayloadText), Reason: short(string(e.Reason), maxPayloadText), Message: short(e.Message, maxPayloadMessage),
			Task: e.Task, Attempt: e.Attempt, ExitCode: e.ExitCode, Signal: e.Signal,
		}
	}
	return bytes.TrimSpace(encodeJSON(p))
}

// encodeJSON returns JSON without the escapes that only HTML needs.
func encodeJSON(v any) []byte {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // strings, numbers and times always encode
	return text.Bytes()
}

// encodedLen returns the length of a text in JSON.
func encodedLen(text string) int { return len(encodeJSON(text)) - len(`""`+"\n") }

// short returns a text that takes most bytes of JSON at most.
func short(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD") // the encoder takes six bytes for one that is not UTF-8
	if encodedLen(text) <= most {
		return text
	}
	const more = "..."
	n := len(more)
	for i, c := range text {
		if n += encodedLen(string(c)); n > most {
			return text[:i] + more
		}
	}
	return text
}

// fewLabels returns the labels that fit, in the order of their names.
func fewLabels(labels map[string]string) map[string]string {
	fit, left := map[string]string{}, maxPayloadLabels
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if left -= encodedLen(name) + encodedLen(labels[name]) + len(`"":"",`); left < 0 {
			return fit
		}
		fit[name] = labels[name]
	}
	return fit
}
