package ledger

import "time"

const (
	// MaxEventBody bounds the stored body of a refused event, in bytes.
	MaxEventBody = 256 << 10
	// MaxEvents bounds the refused events of a trigger that wait for a retry, and also those
	// that no longer do.
	MaxEvents = 1000
	// EventKept is how long a refused event is kept after it arrived first.
	EventKept = 31 * 24 * time.Hour
)

// RefusedEvent is an event for which a trigger could not start its job, and never can without a
// change.
type RefusedEvent struct {
	// ID is a UUIDv7 of the first arrival, so that it sorts by that time.
	ID string
	// Trigger is the name of the trigger, and Job the job that it starts. Who may see the job's
	// invocations may see the event.
	Trigger, Job string
	// Event is the identity of the event at its source; empty if it has none. Each event
	// without one counts as another event.
	Event string
	// Caller is the name of the sender.
	Caller string
	// Received is when it arrived first, and Seen how often it has arrived.
	Received time.Time
	Seen     int
	// Code and Message are the reason of the latest refusal. They have no values of the event.
	Code, Message string

	ContentType string
	// Header has the header fields that decoding needs.
	Header map[string]string
	// Body is empty if it was longer than MaxEventBody. Size is its length as it arrived.
	Body []byte
	Size int64

	// Retried is the invocation that was started for it after all, and Ended when; empty and
	// zero while it waits for a retry.
	Retried string
	Ended   time.Time
}

// Waits reports whether the event waits for a retry.
func (e RefusedEvent) Waits() bool { return e.Ended.IsZero() }

// Whole reports whether the body is stored, so that a retry can decode it.
func (e RefusedEvent) Whole() bool { return e.Size == int64(len(e.Body)) }

// Bounded returns the event without a body that is too long to be stored.
func (e RefusedEvent) Bounded() RefusedEvent {
	if len(e.Body) > MaxEventBody {
		e.Body = nil
	}
	return e
}
