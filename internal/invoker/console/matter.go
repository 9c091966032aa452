package console

import (
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/callback"
	"github.com/runwith/runwith/internal/invoker/inbox"
)

// matter is something that goes on only if a person does something.
type matter struct {
	State string // as a colour has it
	Text  string
	What  string // to do
	Link  string
}

// fillMatters finds what needs a person.
func (d *overviewData) fillMatters(c *call) error {
	for _, note := range d.Health.Notes {
		d.Matters = append(d.Matters, matter{State: "note", Text: note})
	}
	for _, find := range []func(*call) (*matter, error){unresolved, deadDeliveries, disabledEndpoints, refusedEvents, stuckSchedules} {
		m, err := find(c)
		if err != nil && runwith.CodeOf(err) != runwith.PermissionDenied { // what the caller may not see is nothing to it
			return err
		}
		if m != nil {
			d.Matters = append(d.Matters, *m)
		}
	}
	return nil
}

// unresolved are the invocations about which somebody must decide.
func unresolved(c *call) (*matter, error) {
	found, err := c.undecided()
	if err != nil || len(found) == 0 {
		return nil, err
	}
	m := &matter{State: "unresolved", Text: counted(len(found), "invocation") + " with an unknown outcome", What: "Decide", Link: "/invocations?state=unresolved"}
	if len(found) == 1 {
		m.Link = "/invocations/" + found[0].ID
	}
	return m, nil
}

// undecided returns unresolved invocations that wait for a decision: all, or at least as many as are
// counted. An invocation that a person has left unresolved keeps its state, so the newest ones may all
// be decided.
func (c *call) undecided() (open []runwith.Invocation, err error) {
	q := invoker.Filter{States: []runwith.State{runwith.StateUnresolved}, PageSize: undecidedPage}
	for range undecidedPages {
		var found []runwith.Invocation
		if found, q.PageToken, err = c.server.Invoker.Invocations(c.Context(), q); err != nil {
			return nil, err
		}
		for _, i := range found {
			if i.Finished.IsZero() {
				open = append(open, i)
			}
		}
		if q.PageToken == "" || len(open) > countedAtMost {
			break
		}
	}
	return open, nil
}

// undecidedPage and undecidedPages bound the search for undecided invocations.
const undecidedPage, undecidedPages = 50, 10

// deadDeliveries are those that the sender has given up.
func deadDeliveries(c *call) (*matter, error) {
	if c.server.Callbacks == nil || !c.operates() {
		return nil, nil
	}
	found, _, err := c.server.Callbacks.Deliveries(c.Context(), callback.Filter{State: runwith.DeliveryFailed, PageSize: countedAtMost + 1})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &matter{State: "failed", Text: counted(len(found), "callback") + " given up", What: "Replay", Link: "/callbacks?state=failed"}, nil
}

// disabledEndpoints get nothing any more.
func disabledEndpoints(c *call) (*matter, error) {
	if c.server.Callbacks == nil || !c.operates() {
		return nil, nil
	}
	all, err := c.server.Callbacks.Endpoints(c.Context())
	var names []string
	for _, e := range all {
		if e.State == runwith.EndpointDisabled {
			names = append(names, e.Name)
		}
	}
	return named("disabled", "endpoint", names, "Enable", "/callbacks"), err
}

// refusedEvents are those for which no job was started.
func refusedEvents(c *call) (*matter, error) {
	if c.server.Events == nil {
		return nil, nil
	}
	found, _, err := c.server.Events.Events(c.Context(), inbox.Filter{Outcome: runwith.TriggerRefused, PageSize: countedAtMost + 1})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	m := &matter{State: "refused", Text: counted(len(found), "event") + " without a job", What: "Retry", Link: "/events?outcome=refused"}
	if len(found) == 1 {
		m.Link = "/events/" + found[0].ID
	}
	return m, nil
}

// stuckSchedules are those whose latest slot could not start its job, or cannot yet.
func stuckSchedules(c *call) (*matter, error) {
	if c.server.Schedules == nil {
		return nil, nil
	}
	all, err := c.server.Schedules.List(c.Context())
	var names []string
	for _, s := range all {
		if s.Waiting != nil || s.Last != nil && s.Last.Result == runwith.SlotFailed {
			names = append(names, s.Name)
		}
	}
	return named("failing", "schedule", names, "Look", "/schedules"), err
}

// named returns the matter of some things with names; nil: there are none.
func named(state, kind string, names []string, what, link string) *matter {
	if len(names) == 0 {
		return nil
	}
	first := names[:min(len(names), 3)]
	text := plural(len(names), kind) + ": " + strings.Join(first, ", ")
	if len(names) > len(first) {
		text += ", ..."
	}
	return &matter{State: state, Text: text, What: what, Link: link}
}
