package runwith

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// DeliveryState is the state of a [Delivery].
type DeliveryState string

// The states of a delivery.
const (
	// DeliveryPending means that the event is sent next, or again.
	DeliveryPending DeliveryState = "pending"
	// DeliveryDelivered means that the endpoint answered with 2xx.
	DeliveryDelivered DeliveryState = "delivered"
	// DeliveryFailed means that the invoker has given up. [Client.Replay] sends it again.
	DeliveryFailed DeliveryState = "failed"
)

// Delivery is one event for one endpoint.
type Delivery struct {
	// ID is the header webhook-id of all its attempts.
	ID         string `json:"id" doc:"ID of the delivery: the header webhook-id of all its attempts."`
	Invocation string `json:"invocation" doc:"ID of the invocation; empty for an event of a budget."`
	Job        string `json:"job" doc:"Name of the job; empty for an event of a budget that counts all jobs."`
	// Endpoint is the name of the endpoint; "request HOST" for the URL of a request.
	Endpoint string `json:"endpoint" doc:"Name of the endpoint; \"request HOST\" for a URL that a request has named."`
	URL      string `json:"url,omitempty" doc:"Where it goes, without the values of a query; absent if the endpoint is no longer configured."`

	Event EventType     `json:"event" doc:"Type of the event." example:"invocation.failed"`
	State DeliveryState `json:"state" enum:"pending,delivered,failed" doc:"pending: is sent next, or again. delivered: the endpoint answered with 2xx. failed: given up."`

	Attempts int `json:"attempts" doc:"Number of attempts since it was created or replayed."`
	// LastStatus and LastError are those of the last attempt. LastStatus is 0 if there was no
	// answer.
	LastStatus int    `json:"lastStatus,omitempty" doc:"HTTP status of the last attempt; absent if there was no answer."`
	LastError  string `json:"lastError,omitempty" doc:"Why the last attempt failed."`

	Created time.Time `json:"created" doc:"When the event happened."`
	// NextAttempt is zero unless the delivery is pending.
	NextAttempt time.Time `json:"nextAttempt,omitzero" doc:"When the next attempt is due; absent if it is due now, or none follows."`
	Ended       time.Time `json:"ended,omitzero" doc:"When it was delivered or given up."`
	// Payload is the body that is sent. Lists leave it out.
	Payload json.RawMessage `json:"payload,omitempty" doc:"The body that is sent. Lists leave it out."`
}

// EndpointState is the health of an [Endpoint].
type EndpointState string

// The states of an endpoint.
const (
	EndpointOK EndpointState = "ok"
	// EndpointFailing means that the last attempts have failed.
	EndpointFailing EndpointState = "failing"
	// EndpointDisabled means that nothing is sent until [Client.EnableEndpoint].
	EndpointDisabled EndpointState = "disabled"
)

// Endpoint is a receiver of callbacks.
type Endpoint struct {
	Name string `json:"name" doc:"Name of the endpoint; \"request HOST\" for URLs that requests have named."`
	URL  string `json:"url,omitempty" doc:"Where events go, without the values of a query."`
	// Configured is false for an endpoint that has deliveries but is not in the configuration.
	Configured bool              `json:"configured" doc:"Whether the configuration has the endpoint."`
	Events     []EventType       `json:"events,omitempty" nullable:"false" doc:"The events that are sent."`
	Jobs       []string          `json:"jobs,omitempty" nullable:"false" doc:"Only events of these jobs; absent: of all."`
	Labels     map[string]string `json:"labels,omitempty" doc:"Only events of invocations with these labels."`

	State   EndpointState `json:"state" enum:"ok,failing,disabled" doc:"ok, failing, or disabled: nothing is sent until somebody enables it."`
	Pending int           `json:"pending" doc:"Number of pending deliveries."`
	// FailingSince is when the first of the attempts failed that have failed without a success
	// since.
	FailingSince time.Time `json:"failingSince,omitzero" doc:"Since when every attempt has failed."`
	Disabled     time.Time `json:"disabled,omitzero" doc:"When it was disabled."`
	Reason       string    `json:"reason,omitempty" doc:"Why it fails or is disabled."`
}

// DeliveryOptions select deliveries. The zero value selects all.
type DeliveryOptions struct {
	// Invocation is an ID, Endpoint a name. Empty fields select all.
	Invocation, Endpoint string
	State                DeliveryState
	// PageSize is the number of deliveries in one request; 0 means the invoker's default. It
	// does not limit the number of results.
	PageSize int
}

func (o *DeliveryOptions) query() url.Values {
	query := url.Values{}
	if o == nil {
		return query
	}
	for name, value := range map[string]string{"invocation": o.Invocation, "endpoint": o.Endpoint, "state": string(o.State)} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if o.PageSize != 0 {
		query.Set("pageSize", strconv.Itoa(o.PageSize))
	}
	return query
}

const deliveriesPath = "callbacks/deliveries"

// Deliveries returns an iterator over the deliveries of callbacks, newest first, without
// their payloads. It fetches pages while the loop runs, and stops after the first error. o may
// be nil, which selects all.
func (c *Client) Deliveries(ctx context.Context, o *DeliveryOptions) iter.Seq2[*Delivery, error] {
	type page struct {
		Deliveries    []*Delivery `json:"deliveries"`
		NextPageToken string      `json:"nextPageToken"`
	}
	return func(yield func(*Delivery, error) bool) {
		query := o.query()
		for {
			p, err := decode[page](c.send(ctx, request{path: deliveriesPath, query: query}))
			if err != nil {
				yield(nil, err)
				return
			}
			for _, d := range p.Deliveries {
				if !yield(d, nil) {
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

// Delivery returns a delivery with its payload, or the error [NotFound].
func (c *Client) Delivery(ctx context.Context, id string) (*Delivery, error) {
	path, err := escape(deliveriesPath, "delivery", id)
	if err != nil {
		return nil, err
	}
	return decode[Delivery](c.send(ctx, request{path: path}))
}

// Replay sends the event of a delivery again, whatever its state is. It returns the
// error [FailedPrecondition] if the endpoint is disabled or no longer configured.
func (c *Client) Replay(ctx context.Context, id string) (*Delivery, error) {
	path, err := escape(deliveriesPath, "delivery", id)
	if err != nil {
		return nil, err
	}
	return decode[Delivery](c.send(ctx, request{method: http.MethodPost, path: path + "/replay"}))
}

const endpointsPath = "callbacks/endpoints"

// ReplayFailed sends the events of all failed deliveries of an endpoint again, and returns
// their number.
func (c *Client) ReplayFailed(ctx context.Context, endpoint string) (int, error) {
	type answer struct {
		Replayed int `json:"replayed"`
	}
	path, err := escape(endpointsPath, "endpoint", endpoint)
	if err != nil {
		return 0, err
	}
	a, err := decode[answer](c.send(ctx, request{method: http.MethodPost, path: path + "/replay"}))
	if err != nil {
		return 0, err
	}
	return a.Replayed, nil
}

// Endpoints returns the receivers of callbacks with their health.
func (c *Client) Endpoints(ctx context.Context) ([]*Endpoint, error) {
	type list struct {
		Endpoints []*Endpoint `json:"endpoints"`
	}
	l, err := decode[list](c.send(ctx, request{path: endpointsPath}))
	if err != nil {
		return nil, err
	}
	return l.Endpoints, nil
}

// EnableEndpoint enables a disabled endpoint. Its pending deliveries continue.
func (c *Client) EnableEndpoint(ctx context.Context, name string) (*Endpoint, error) {
	path, err := escape(endpointsPath, "endpoint", name)
	if err != nil {
		return nil, err
	}
	return decode[Endpoint](c.send(ctx, request{method: http.MethodPost, path: path + "/enable"}))
}
