package runwith

import "time"

// EventType is the type of an [Event].
type EventType string

// The types of events. Each is about one invocation, but [EventBudget].
const (
	// EventStarted means that the execution is known for the first time.
	EventStarted EventType = "invocation.started"
	// EventSucceeded, EventFailed, EventCancelled and EventRefused mean that the
	// invocation has ended in that state.
	EventSucceeded EventType = "invocation.succeeded"
	EventFailed    EventType = "invocation.failed"
	EventCancelled EventType = "invocation.cancelled"
	EventRefused   EventType = "invocation.refused"
	// EventUnresolved means that the invocation needs a person's decision. Other events
	// may follow that decision.
	EventUnresolved EventType = "invocation.unresolved"
	// EventBudget means that a part of a month's budget is used, or that the budget has no room
	// for a request. Only Percent and Budget of the data are set.
	EventBudget EventType = "budget.reached"
)

// Event is the body of a callback: something that happened to an invocation. The invoker
// delivers each event at least once, and promises no order.
type Event struct {
	// ID is the same for all deliveries of the event to an endpoint. Receivers use it to
	// recognize a repetition. It is in the header webhook-id, not in the body.
	ID   string    `json:"-"`
	Type EventType `json:"type"`
	// Timestamp is when the event happened.
	Timestamp time.Time `json:"timestamp"`
	Data      EventData `json:"data"`
}

// EventData is the invocation at the time of the event.
type EventData struct {
	// ID is the invocation's.
	ID    string `json:"id"`
	Job   string `json:"job"`
	State State  `json:"state"`
	// Version grows with every change of the invocation. An event with a lower version than
	// one that was seen before is older, and can be dropped.
	Version int64 `json:"version"`
	// Caller is the name of the caller who started it; empty without authentication.
	Caller string            `json:"caller,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
	// Execution is the resource name of the Cloud Run execution; empty if there is none.
	Execution string `json:"execution,omitempty"`
	Counts    Counts `json:"counts"`
	// Error is the reason if the invocation failed, was refused or is unresolved. It never
	// contains output of the job.
	Error *Failure `json:"error,omitempty"`

	Created    time.Time `json:"created"`
	Started    time.Time `json:"started,omitzero"`
	Finished   time.Time `json:"finished,omitzero"`
	UpdateTime time.Time `json:"updateTime"`
	// Logs is the path of the invocation's output at the invoker.
	Logs string `json:"logs"`

	// Percent is 50, 80 or 100, and Budget the budget at that time; only for [EventBudget].
	Percent int     `json:"percent,omitempty"`
	Budget  *Budget `json:"budget,omitempty"`
}
