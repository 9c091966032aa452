package display

import (
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/terminal"
)

// Deliveries shows deliveries of callbacks as a table.
func Deliveries(s *terminal.Screen, now time.Time, deliveries []*runwith.Delivery) error {
	t := &terminal.Table{Head: []string{"DELIVERY", "EVENT", "ENDPOINT", "STATE", "ATTEMPTS", "CREATED", "NEXT", "LAST RESULT"}}
	for _, d := range deliveries {
		row := terminal.Cells(d.ID, string(d.Event), d.Endpoint, string(d.State), strconv.Itoa(d.Attempts),
			ago(now, timestamppb.New(d.Created)), nextAttempt(now, d), lastResult(d))
		row[3].Style = deliveryStyle(d.State)
		t.Add(row...)
	}
	return t.Write(s)
}

// nextAttempt returns when a pending delivery is attempted next.
func nextAttempt(now time.Time, d *runwith.Delivery) string {
	switch {
	case d.State != runwith.DeliveryPending:
		return never
	case !d.NextAttempt.After(now):
		return "now"
	}
	return ago(now, timestamppb.New(d.NextAttempt))
}

// lastResult returns what the last attempt came to.
func lastResult(d *runwith.Delivery) string {
	switch {
	case d.LastError != "":
		return d.LastError
	case d.LastStatus != 0:
		return "answered " + strconv.Itoa(d.LastStatus)
	}
	return never
}

func deliveryStyle(state runwith.DeliveryState) terminal.Style {
	switch state {
	case runwith.DeliveryDelivered:
		return terminal.Green
	case runwith.DeliveryFailed:
		return terminal.Red
	}
	return terminal.Plain
}

// Delivery shows a delivery in sections.
func Delivery(s *terminal.Screen, now time.Time, d *runwith.Delivery) error {
	v := newView(s, now)
	v.Begin("Delivery " + d.ID)
	v.Row("Event", string(d.Event))
	v.Row("Invocation", d.Invocation)
	v.Row("Job", d.Job)
	v.Row("Endpoint", d.Endpoint)
	v.Row("URL", d.URL)
	row := terminal.Cells("State", string(d.State))
	row[1].Style = deliveryStyle(d.State)
	v.Cells(row...)
	v.Row("Attempts", strconv.Itoa(d.Attempts))
	v.Row("Last result", lastResult(d))
	v.Row("Created", exactly(now, timestamppb.New(d.Created)))
	if d.State == runwith.DeliveryPending {
		v.Row("Next attempt", nextAttempt(now, d))
	} else {
		v.Row("Ended", exactly(now, timestamppb.New(d.Ended)))
	}
	v.Begin("Payload")
	v.Row("JSON", string(d.Payload))
	return v.End()
}

// Endpoints shows receivers of callbacks as a table.
func Endpoints(s *terminal.Screen, now time.Time, endpoints []*runwith.Endpoint) error {
	t := &terminal.Table{Head: []string{"ENDPOINT", "STATE", "PENDING", "FAILING", "URL", "REASON"}}
	for _, e := range endpoints {
		state, failing := string(e.State), never
		if !e.FailingSince.IsZero() {
			failing = ago(now, timestamppb.New(e.FailingSince))
		}
		row := terminal.Cells(e.Name, state, strconv.Itoa(e.Pending), failing, e.URL, e.Reason)
		switch e.State {
		case runwith.EndpointFailing:
			row[1].Style = terminal.Yellow
		case runwith.EndpointDisabled:
			row[1].Style = terminal.Red
		}
		t.Add(row...)
	}
	return t.Write(s)
}
