package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
)

// TestEventOfEveryEdge walks every edge, with and without an execution. What no edge leads to
// has no event, and an edge has one only if it reaches another state.
func TestEventOfEveryEdge(t *testing.T) {
	t.Parallel()
	reaches := map[runwith.State]Event{
		runwith.StateSucceeded: EventSucceeded, runwith.StateFailed: EventFailed, runwith.StateCancelled: EventCancelled,
		runwith.StateRefused: EventRefused, runwith.StateUnresolved: EventUnresolved,
	}
	heard := map[Event]bool{}
	for from, all := range edges {
		for _, to := range all {
			for _, execution := range []string{"", "e"} {
				want := reaches[to]
				switch {
				case from == to:
					want = ""
				case to == runwith.StateRunning && execution == "":
					want = EventStarted
				}
				m := Move{in(1, from), in(1, to)}
				m.From.Execution, m.To.Execution = execution, execution
				if got := EventOf(m); got != want {
					t.Errorf("from %s with execution %q to %s: event %q, want %q", from, execution, to, got, want)
				}
				heard[want] = true
			}
		}
	}
	for _, e := range Events() {
		if !heard[e] {
			t.Errorf("no edge yields %s", e)
		}
	}
}

// TestEventsOfTransitions follows the transitions of the drawing, by the methods that make them.
func TestEventsOfTransitions(t *testing.T) {
	t.Parallel()
	failed := Status{State: runwith.StateFailed}
	waiting := in(1, runwith.StateAccepted)
	starting := waiting.Starting(at(60))
	running := starting.Adopted("e", Status{})
	unknown := starting.Unknown(time.Minute)
	lost := unknown.Unresolved(errWhy, "why")
	gone := running.Gone(errWhy)
	left, _ := Resolve(lost, Leave, at(9))
	retried, _ := Resolve(lost, Retry, at(9))
	wanted, _ := Cancel(running, at(9))
	cancelled, _ := Cancel(waiting, at(9))
	for name, test := range map[string]struct {
		from, to Record
		want     Event
	}{
		"taken":                    {waiting, starting, ""},
		"not started":              {starting, starting.Returned(at(9)), ""},
		"started":                  {starting, running, EventStarted},
		"outcome unknown":          {starting, unknown, ""},
		"found":                    {unknown, unknown.Adopted("e", Status{}), EventStarted},
		"not found":                {unknown, lost, EventUnresolved},
		"found late":               {lost, lost.Adopted("e", Status{}), EventStarted},
		"left":                     {lost, left, ""},
		"retried":                  {lost, retried, ""},
		"refused by Cloud Run":     {starting, starting.Refused(errWhy, at(9)), EventRefused},
		"refused by its check":     {waiting, waiting.Refused(errWhy, at(9)), EventRefused},
		"progress":                 {running, running.Observed(Status{State: runwith.StateRunning, Counts: runwith.Counts{Running: 1}}, at(9)), ""},
		"failed":                   {running, running.Observed(failed, at(9)), EventFailed},
		"succeeded":                {running, running.Observed(Status{State: runwith.StateSucceeded}, at(9)), EventSucceeded},
		"cancelled by Cloud Run":   {running, running.Observed(Status{State: runwith.StateCancelled}, at(9)), EventCancelled},
		"asked to be cancelled":    {running, wanted, ""},
		"cancelled before a start": {waiting, cancelled, EventCancelled},
		"gone":                     {running, gone, EventUnresolved},
	} {
		m := Move{test.from, test.to}
		if got := EventOf(m); got != test.want {
			t.Errorf("%s: event %q, want %q", name, got, test.want)
		}
		if !m.Legal() {
			t.Errorf("%s: the move from %s to %s is not legal", name, m.From.State, m.To.State)
		}
	}
}

var errWhy = errors.New("why")

// subscribed returns the move of a running record with two subscribers to its failure.
func subscribed(change func(*Record)) Move {
	from := in(1, runwith.StateRunning, executed)
	from.Version, from.Caller, from.Labels = 6, "docs-api", map[string]string{"tenant": "acme"}
	from.Subscribers = []Subscriber{
		{Endpoint: "docs", Events: []Event{EventFailed, EventStarted}}, {Endpoint: "other", Events: []Event{EventSucceeded}},
		{Endpoint: RequestEndpoint, URL: "https://a.example/x", Events: Events()},
	}
	to := from.Observed(Status{
		State: runwith.StateFailed, Started: at(1), Finished: at(5), Counts: runwith.Counts{Tasks: 1, Failed: 1},
		Error: &runwith.Failure{
			Code: "ABORTED", Reason: runwith.ReasonNonZeroExitCode, Message: "why", Task: new(0), Attempt: new(2), ExitCode: 3, Stderr: []string{"secret"},
		},
	}, at(5))
	if change != nil {
		change(&to)
	}
	return Move{from, to}
}

func TestDeliveries(t *testing.T) {
	t.Parallel()
	made := Deliveries(subscribed(nil), at(9))
	if len(made) != 2 || made[0].Endpoint != "docs" || made[1].URL != "https://a.example/x" {
		t.Fatalf("deliveries = %+v, want one for each endpoint that hears of a failure", made)
	}
	const want = `{"type":"invocation.failed","timestamp":"2026-03-01T10:00:09Z","data":{"id":"1","job":"report","state":"failed","version":7,` +
		`"caller":"docs-api","execution":"e","counts":{"tasks":1,"running":0,"succeeded":0,"failed":1,"cancelled":0,"retried":0},` +
		`"error":{"code":"ABORTED","reason":"NonZeroExitCode","message":"why","task":0,"attempt":2,"exitCode":3},"labels":{"tenant":"acme"},` +
		`"created":"2026-03-01T10:00:00Z","started":"2026-03-01T10:00:01Z","finished":"2026-03-01T10:00:05Z","updateTime":"2026-03-01T10:00:09Z","logs":"/api/v1/invocations/1/logs"}}`
	if diff := cmp.Diff(want, string(made[0].Payload)); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}
	// The Go client knows every field.
	d := json.NewDecoder(bytes.NewReader(made[0].Payload))
	d.DisallowUnknownFields()
	if err := d.Decode(new(runwith.Event)); err != nil {
		t.Errorf("runwith.Event does not take the payload: %v", err)
	}
	first := made[0]
	if first.State != DeliveryPending {
		t.Errorf("state of a new delivery = %s, want pending", first.State)
	}
	if first.Job != "report" {
		t.Errorf("job of the delivery = %q, want report", first.Job)
	}
	if first.Owner != "docs-api" {
		t.Errorf("owner of the delivery = %q, want docs-api", first.Owner)
	}
	if !first.Created.Equal(at(9)) {
		t.Errorf("delivery was created at %v, want %v", first.Created, at(9))
	}
	if !first.Due().IsZero() {
		t.Errorf("a new delivery is due at %v, want at once", first.Due())
	}
	again := Deliveries(subscribed(nil), at(99))
	if again[0].ID != made[0].ID || made[0].ID == made[1].ID || strings.Contains(made[0].ID, ".") {
		t.Errorf("IDs are %s and %s, and then %s: want them stable, by endpoint, and without dots", made[0].ID, made[1].ID, again[0].ID)
	}
	if next := Deliveries(subscribed(func(r *Record) { r.State = runwith.StateRunning }), at(9)); next != nil {
		t.Errorf("deliveries of a move without an event = %+v, want none", next)
	}
}

func TestExplained(t *testing.T) {
	t.Parallel()
	m := subscribed(nil)
	d := Deliveries(m, at(9))[0]
	better := m.Made(time.Now())
	better.Version++
	better.Error = &runwith.Failure{Code: "ABORTED", Message: "because"}
	for name, test := range map[string]struct {
		change  func(*Delivery)
		changed bool
	}{
		"new":       {func(*Delivery) {}, true},
		"attempted": {func(d *Delivery) { d.Attempts = 1 }, false},
		"under way": {func(d *Delivery) { d.Lease = at(20) }, false},
		"delivered": {func(d *Delivery) { d.State = DeliveryDelivered }, false},
		"started":   {func(d *Delivery) { d.Event = EventStarted }, false},
	} {
		before := d
		test.change(&before)
		after := before.Explained(better)
		if changed := strings.Contains(string(after.Payload), `"because"`) && strings.Contains(string(after.Payload), `"version":8`); changed != test.changed {
			t.Errorf("%s: payload %s, want it changed %t", name, after.Payload, test.changed)
		}
		if after.ID != before.ID || !strings.Contains(string(after.Payload), "10:00:09Z") {
			t.Errorf("%s: ID %s, payload %s, want the same ID and time", name, after.ID, after.Payload)
		}
	}
}

// FuzzPayload holds that a payload is JSON and small, whatever the record has, and that it has
// every label of a request.
func FuzzPayload(f *testing.F) {
	f.Add("report", "why", "name", "value", 3)
	f.Add(strings.Repeat("<", 300), strings.Repeat("\x00", 9000), strings.Repeat(`"`, 63), strings.Repeat("\u2028", 128), 16)
	f.Add("a", strings.Repeat("ä", 5000), "\xff", strings.Repeat("x", 20000), 16)
	f.Fuzz(func(t *testing.T, job, message, name, value string, labels int) {
		m := subscribed(func(r *Record) {
			r.Job, r.Execution, r.ID = job, job+"/"+name, job
			r.Error.Message, r.Error.Code, r.Error.Reason = message, name, runwith.Reason(value)
			r.Labels = map[string]string{}
			for n := range max(0, min(labels, MaxLabels)) {
				r.Labels[string(rune('a'+n))+name] = value
			}
		})
		fits := !slices.ContainsFunc(slices.Collect(keysOf(m.To.Labels)), func(n string) bool { return !LabelFits(n, value) })
		for _, d := range Deliveries(m, at(9)) {
			if len(d.Payload) >= MaxPayload || !json.Valid(d.Payload) {
				t.Fatalf("payload has %d bytes, valid JSON %t", len(d.Payload), json.Valid(d.Payload))
			}
			var got payload
			if err := json.Unmarshal(d.Payload, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(m.To.Labels, got.Data.Labels); fits && len(m.To.Labels) > 0 && diff != "" {
				t.Errorf("labels (-want +got):\n%s", diff)
			}
		}
	})
}

func keysOf(labels map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range labels {
			if !yield(name) {
				return
			}
		}
	}
}

func TestLane(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ endpoint, url, want string }{
		{"docs", "", "docs"},
		{RequestEndpoint, "https://a.example/x", "request a.example"},
		{RequestEndpoint, "https://b.example:8443/y", "request b.example:8443"},
		{RequestEndpoint, "https://A.Example./x", "request a.example"},
		{RequestEndpoint, "HTTPS://a.example:443", "request a.example"},
		{RequestEndpoint, "https://a.example:0443", "request a.example"},
		{RequestEndpoint, "https://a.example:", "request a.example"},
		{RequestEndpoint, "https://B.example:08443/y", "request b.example:8443"},
		{RequestEndpoint, "http://127.0.0.1/", "request 127.0.0.1:80"},
		{RequestEndpoint, "http://[::FFFF:127.0.0.1]:0080/", "request 127.0.0.1:80"},
		{RequestEndpoint, "https://[2001:DB8:0::1]:443/", "request [2001:db8::1]"},
		{RequestEndpoint, "https://[2001:db8::1]:8443/", "request [2001:db8::1]:8443"},
		{RequestEndpoint, "\x00", "request"},
	} {
		if got := Lane(test.endpoint, test.url); got != test.want {
			t.Errorf("Lane(%q, %q) = %q, want %q", test.endpoint, test.url, got, test.want)
		}
	}
}

func TestTakeTurns(t *testing.T) {
	t.Parallel()
	lane := func(ids ...string) (all []Delivery) {
		for _, id := range ids {
			all = append(all, Delivery{ID: id})
		}
		return all
	}
	lanes := [][]Delivery{lane("a1", "a2", "a3"), lane("b1"), nil, lane("c1", "c2")}
	for limit, want := range map[int]string{0: "", 2: "a1 b1", 4: "a1 b1 c1 a2", 9: "a1 b1 c1 a2 c2 a3"} {
		var got []string
		for _, d := range TakeTurns(lanes, limit) {
			got = append(got, d.ID)
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("TakeTurns(%d) = %q, want %q", limit, text, want)
		}
	}
}
