package ledger

import (
	"slices"

	"github.com/runwith/runwith"
)

// Event is a change of an invocation that callbacks report.
type Event string

// The events.
const (
	EventStarted    Event = "invocation.started"
	EventSucceeded  Event = "invocation.succeeded"
	EventFailed     Event = "invocation.failed"
	EventCancelled  Event = "invocation.cancelled"
	EventRefused    Event = "invocation.refused"
	EventUnresolved Event = "invocation.unresolved"
)

// Events returns all events.
func Events() []Event {
	return []Event{EventStarted, EventSucceeded, EventFailed, EventCancelled, EventRefused, EventUnresolved}
}

// reached are the events of the states that a move may reach. Running is not one of them:
// a row may run more than once.
var reached = map[runwith.State]Event{
	runwith.StateSucceeded:  EventSucceeded,
	runwith.StateFailed:     EventFailed,
	runwith.StateCancelled:  EventCancelled,
	runwith.StateRefused:    EventRefused,
	runwith.StateUnresolved: EventUnresolved,
}

// EventOf returns the event of a move, or "" if it has none. An invocation starts
// when it gets its execution, which happens once. The other events belong to the states that
// the move reaches.
func EventOf(m Move) Event {
	switch {
	case m.From.State == m.To.State:
		return ""
	case m.To.State == runwith.StateRunning && m.From.Execution == "":
		return EventStarted
	}
	return reached[m.To.State]
}

// Subscriber is an endpoint that hears of an invocation.
type Subscriber struct {
	// Endpoint is a name in the configuration, or [RequestEndpoint].
	Endpoint string `json:"endpoint"`
	// URL is the address that a request named; empty for an endpoint of the configuration.
	URL string `json:"url,omitempty"`
	// Events are those that the endpoint hears of.
	Events []Event `json:"events"`
}

// RequestEndpoint is the endpoint of a subscriber whose URL comes from the request.
const RequestEndpoint = "request"

// Hears reports whether the subscriber wants to hear of an event.
func (s Subscriber) Hears(e Event) bool { return slices.Contains(s.Events, e) }

// Told reports whether a subscriber wants the event of the record's state. The move to that
// state has then made deliveries.
func (r Record) Told() bool {
	event := reached[r.State]
	if r.State == runwith.StateRunning {
		event = EventStarted
	}
	return slices.ContainsFunc(r.Subscribers, func(s Subscriber) bool { return s.Hears(event) })
}
