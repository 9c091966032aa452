package runwith

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// TriggerOutcome is what became of a [TriggerEvent].
type TriggerOutcome string

// The outcomes.
const (
	// TriggerAccepted means that the job was started for the event.
	TriggerAccepted TriggerOutcome = "accepted"
	// TriggerRefused means that the trigger could not start its job for the event. It waits for
	// [Client.RetryEvent].
	TriggerRefused TriggerOutcome = "refused"
)

// TriggerEvent is an event that a trigger has received.
type TriggerEvent struct {
	// ID is the invocation's if the trigger accepted the event at once.
	ID      string `json:"id" doc:"ID of the event; of an event that was accepted at once, its invocation's ID."`
	Trigger string `json:"trigger" doc:"Name of the trigger."`
	Job     string `json:"job" doc:"The job that the trigger starts."`
	// Event is the identity of the event at its source.
	Event   string         `json:"event,omitempty" doc:"Identity of the event at its source; absent if it has none."`
	Outcome TriggerOutcome `json:"outcome" enum:"accepted,refused" doc:"accepted: the job was started. refused: it could not be; the event waits for a retry."`
	// Invocation is what was started for it; empty while it is refused.
	Invocation string    `json:"invocation,omitempty" doc:"ID of the invocation that was started for the event."`
	Received   time.Time `json:"received" doc:"When the event arrived first."`

	// The other fields are those of events that were refused at first.

	// Retried is when the job was started after all.
	Retried time.Time `json:"retried,omitzero" doc:"When the job was started for an event that was refused at first."`
	// Error is why it was refused the last time.
	Error  *Failure `json:"error,omitempty" doc:"Why the event was refused the last time."`
	Sender string   `json:"sender,omitempty" doc:"Name of the caller who sent a refused event."`
	Seen   int      `json:"seen,omitempty" doc:"How often a refused event has arrived."`
	// Size is the length of the body as it arrived. Only [Client.TriggerEvent] returns the
	// content below. It is "***" unless the reader may see values.
	Size        int64             `json:"size,omitempty" doc:"Length of a refused event's body, in bytes."`
	ContentType string            `json:"contentType,omitempty" doc:"Media type of the body, as its sender named it."`
	Header      map[string]string `json:"header,omitempty" doc:"Header fields that the trigger decodes. Lists leave them out. For readers without the grant values, the values are ***."`
	// Body is empty if it was longer than 256 KiB, which are kept at most.
	Body   string `json:"body,omitempty" doc:"Body of a refused event, as text. Lists leave it out; absent if it has more than 256 KiB or is not text. For readers without the grant values it is ***."`
	Base64 []byte `json:"base64,omitempty" doc:"Body of a refused event that is not text, in base64."`
}

// TriggerEventOptions select events of triggers. The zero value selects all.
type TriggerEventOptions struct {
	// Trigger is the name of a trigger. Empty fields select all.
	Trigger string
	Outcome TriggerOutcome
	// PageSize is the number of events in one request; 0 means the invoker's default. It does
	// not limit the number of results.
	PageSize int
}

func (o *TriggerEventOptions) query() url.Values {
	query := url.Values{}
	if o == nil {
		return query
	}
	for name, value := range map[string]string{"trigger": o.Trigger, "outcome": string(o.Outcome)} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if o.PageSize != 0 {
		query.Set("pageSize", strconv.Itoa(o.PageSize))
	}
	return query
}

const eventsPath = "events"

// TriggerEvents returns an iterator over the events that triggers have received, newest first,
// without their bodies. An event that was refused at first and then retried is among the
// accepted ones. It fetches pages while the loop runs, and stops after the first error. o may
// be nil, which selects all.
func (c *Client) TriggerEvents(ctx context.Context, o *TriggerEventOptions) iter.Seq2[*TriggerEvent, error] {
	type page struct {
		Events        []*TriggerEvent `json:"events"`
		NextPageToken string          `json:"nextPageToken"`
	}
	return func(yield func(*TriggerEvent, error) bool) {
		query := o.query()
		for {
			p, err := decode[page](c.send(ctx, request{path: eventsPath, query: query}))
			if err != nil {
				yield(nil, err)
				return
			}
			for _, e := range p.Events {
				if !yield(e, nil) {
					return
				}
			}
			if p.NextPageToken == "" {
				return
			}
			query.Set("pageToken", p.NextPageToken)
		}
	}
}

// TriggerEvent returns an event with its content, or the error [NotFound].
func (c *Client) TriggerEvent(ctx context.Context, id string) (*TriggerEvent, error) {
	path, err := escape(eventsPath, "event", id)
	if err != nil {
		return nil, err
	}
	return decode[TriggerEvent](c.send(ctx, request{path: path}))
}

// RetryEvent starts the job for a refused event, with the trigger as it is now. The job starts
// once, however often the event is retried or arrives. An event that is already accepted is
// returned as it is.
//
// Errors: [NotFound] if there is no such event, [FailedPrecondition] if the trigger still
// cannot start its job for it; the event then stays refused, with the new reason.
func (c *Client) RetryEvent(ctx context.Context, id string) (*TriggerEvent, error) {
	path, err := escape(eventsPath, "event", id)
	if err != nil {
		return nil, err
	}
	return decode[TriggerEvent](c.send(ctx, request{method: http.MethodPost, path: path + "/retry"}))
}
