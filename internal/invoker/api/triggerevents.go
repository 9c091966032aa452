package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/inbox"
)

// Events are the events that triggers have received.
type Events interface {
	// Events returns a page of events, newest first, and the token of the next page, which is
	// empty after the last.
	Events(ctx context.Context, f inbox.Filter) (page []runwith.TriggerEvent, next string, err error)
	// Event returns an event with its content.
	Event(ctx context.Context, id string) (runwith.TriggerEvent, error)
	// Retry starts the job for a refused event.
	Retry(ctx context.Context, id string) (runwith.TriggerEvent, error)
}

var _ Events = (*inbox.Inbox)(nil)

type eventsInput struct {
	Trigger   string                 `query:"trigger" doc:"Only events of this trigger."`
	Outcome   runwith.TriggerOutcome `query:"outcome" enum:"accepted,refused" doc:"Only events with this outcome. An event that was refused at first and then retried is accepted."`
	PageSize  int                    `query:"pageSize" minimum:"0" doc:"Maximum number of events to return, at most 1000; 0 leaves it to the server."`
	PageToken string                 `query:"pageToken" doc:"The nextPageToken of the previous page."`
}

type eventsOutput struct {
	Body eventList
}

type eventList struct {
	Events        []runwith.TriggerEvent `json:"events" nullable:"false" doc:"Events, newest first, without their content."`
	NextPageToken string                 `json:"nextPageToken,omitempty" doc:"Token of the next page; absent on the last."`
}

type eventInput struct {
	ID string `path:"id" doc:"ID of the event."`
}

type eventOutput struct {
	Body runwith.TriggerEvent
}

func (s *server) routeEvents(d huma.API) {
	const events = prefix + "/events"
	register(s, d, huma.Operation{
		OperationID: "listEvents", Method: http.MethodGet, Path: events,
		Summary: "Events that triggers have received, newest first",
	}, s.triggerEvents)
	register(s, d, huma.Operation{
		OperationID: "getEvent", Method: http.MethodGet, Path: events + "/{id}",
		Summary: "An event with its content",
	}, s.triggerEvent)
	register(s, d, huma.Operation{
		OperationID: "retryEvent", Method: http.MethodPost, Path: events + "/{id}/retry",
		Summary: "Start the job for a refused event",
		Description: description(`Decodes the event with the configuration of now, and starts the job. The key of the event is the same,
			so the job starts once, however often the event is retried or arrives. An event that still cannot start the job
			stays refused, with the new reason. An accepted event is returned as it is.`),
		Middlewares: huma.Middlewares{s.noBody},
	}, s.retryEvent)
}

func (s *server) triggerEvents(ctx context.Context, in *eventsInput) (*eventsOutput, error) {
	page, next, err := s.events.Events(ctx, inbox.Filter{
		Trigger: in.Trigger, Outcome: in.Outcome, PageSize: in.PageSize, PageToken: in.PageToken,
	})
	if err != nil {
		return nil, faulty("query", err)
	}
	if page == nil {
		page = []runwith.TriggerEvent{} // [], not null
	}
	return &eventsOutput{Body: eventList{Events: page, NextPageToken: next}}, nil
}

func (s *server) triggerEvent(ctx context.Context, in *eventInput) (*eventOutput, error) {
	e, err := s.events.Event(ctx, in.ID)
	return &eventOutput{Body: e}, err
}

func (s *server) retryEvent(ctx context.Context, in *eventInput) (*eventOutput, error) {
	e, err := s.events.Retry(ctx, in.ID)
	return &eventOutput{Body: e}, err
}
