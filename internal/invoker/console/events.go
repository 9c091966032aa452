package console

import (
	"net/url"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/inbox"
	"github.com/runwith/runwith/internal/invoker/policy"
)

// eventsData is the page of the events of triggers.
type eventsData struct {
	Rows    []runwith.TriggerEvent
	Trigger string
	Outcome runwith.TriggerOutcome
	Older   string // address of the next page; empty: there is none
}

// events lists the events that triggers have received, newest first.
func (s *server) events(c *call) (page, error) {
	query := c.URL.Query()
	f := inbox.Filter{Trigger: query.Get("trigger"), Outcome: runwith.TriggerOutcome(query.Get("outcome")), PageToken: query.Get("page")}
	rows, next, err := s.Events.Events(c.Context(), f)
	if err != nil {
		return page{}, err
	}
	d := eventsData{Rows: rows, Trigger: f.Trigger, Outcome: f.Outcome, Older: older(c.URL, next)}
	return page{Template: "events", Title: "Events", Nav: "/events", Live: f.PageToken == "", Data: d}, nil
}

// older returns the address of the next page of a list; empty if there is none.
func older(u *url.URL, next string) string {
	if next == "" {
		return ""
	}
	query := u.Query()
	query.Set("page", next)
	return u.Path + "?" + query.Encode()
}

// eventData is the page of one event.
type eventData struct {
	runwith.TriggerEvent

	Retryable bool
}

// event shows one event with its content.
func (s *server) event(c *call) (page, error) {
	e, err := s.Events.Event(c.Context(), c.PathValue("id"))
	if err != nil {
		return page{}, err
	}
	d := eventData{e, e.Outcome == runwith.TriggerRefused && s.Access.Can(c.Context(), e.Job, policy.Operate)}
	return page{Template: "event", Title: "Event of " + e.Trigger, Nav: "/events", Data: d}, nil
}

// retryEvent starts the job for a refused event. Its identity is the key, so that a repeat starts
// nothing.
func (s *server) retryEvent(c *call) (page, error) {
	id := c.PathValue("id")
	_, err := s.Events.Retry(c.Context(), id)
	return redirect("/events/"+id, "retry"), err
}
