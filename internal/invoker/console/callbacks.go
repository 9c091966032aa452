package console

import (
	"bytes"
	"encoding/json"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/callback"
)

// callbacksData is the page of endpoints and deliveries.
type callbacksData struct {
	Endpoints []runwith.Endpoint
	Rows      []runwith.Delivery
	Filter    callback.Filter
	Older     string
}

// callbacks lists endpoints with their health, and deliveries, newest first.
func (s *server) callbacks(c *call) (page, error) {
	query := c.URL.Query()
	f := callback.Filter{
		Endpoint: query.Get("endpoint"), State: runwith.DeliveryState(query.Get("state")), Invocation: query.Get("invocation"), PageToken: query.Get("page"),
	}
	d := callbacksData{Filter: f}
	var next string
	var err error
	if d.Rows, next, err = s.Callbacks.Deliveries(c.Context(), f); err != nil {
		return page{}, err
	}
	if d.Endpoints, err = s.Callbacks.Endpoints(c.Context()); err != nil {
		return page{}, err
	}
	d.Older = older(c.URL, next)
	return page{Template: "callbacks", Title: "Callbacks", Nav: "/callbacks", Live: f.PageToken == "", Data: d}, nil
}

// deliveryData is the page of one delivery.
type deliveryData struct {
	runwith.Delivery

	Body string // the payload, indented
}

// delivery shows one delivery with its payload.
func (s *server) delivery(c *call) (page, error) {
	one, err := s.Callbacks.Delivery(c.Context(), c.PathValue("id"))
	if err != nil {
		return page{}, err
	}
	d := deliveryData{one, string(one.Payload)}
	var indented bytes.Buffer
	if json.Indent(&indented, one.Payload, "", "  ") == nil {
		d.Body = indented.String()
	}
	return page{Template: "delivery", Title: "Delivery", Nav: "/callbacks", Data: d}, nil
}

// replay makes a delivery due again.
func (s *server) replay(c *call) (page, error) {
	id := c.PathValue("id")
	_, err := s.Callbacks.Replay(c.Context(), id)
	return redirect("/callbacks/"+id, "replay"), err
}

// replayFailed makes the failed deliveries of an endpoint due again. Names of endpoints may be
// URLs, so the form has the name.
func (s *server) replayFailed(c *call) (page, error) {
	_, err := s.Callbacks.ReplayFailed(c.Context(), c.PostFormValue("endpoint"))
	return redirect("/callbacks", "replay-failed"), err
}

// enableEndpoint enables a disabled endpoint.
func (s *server) enableEndpoint(c *call) (page, error) {
	_, err := s.Callbacks.EnableEndpoint(c.Context(), c.PostFormValue("endpoint"))
	return redirect("/callbacks", "enable"), err
}

// deliveryStates are the states of deliveries, for a filter.
func deliveryStates() []runwith.DeliveryState {
	return []runwith.DeliveryState{runwith.DeliveryPending, runwith.DeliveryDelivered, runwith.DeliveryFailed}
}
