package storetest

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// refusedEvent returns an event that the trigger uploads refuses. n is its place in the order,
// and its identity.
func refusedEvent(n int) ledger.RefusedEvent {
	return ledger.RefusedEvent{
		ID: fmt.Sprintf("id-%04d", n), Trigger: "uploads", Job: "report", Event: fmt.Sprint("event ", n), Caller: "eventarc",
		Received: begin(), Code: "INVALID_ARGUMENT", Message: "/name: is missing",
		ContentType: "application/json", Header: map[string]string{"Ce-Id": "1"}, Body: []byte("{}"), Size: 2,
	}
}

// triggered returns a record that the trigger uploads has started for refusedEvent(event).
func triggered(n, event int) ledger.Record {
	r := startedBy(Waiting(n), &runwith.Source{Trigger: "uploads", Event: fmt.Sprint("event ", event)})
	r.ID = fmt.Sprintf("id-%04d", n)
	return r
}

func addEvent(t *testing.T, s store.Store, e ledger.RefusedEvent) (_ ledger.RefusedEvent, dropped int) {
	t.Helper()
	stored, dropped, err := s.AddEvent(t.Context(), e)
	must(t, "AddEvent", err)
	return stored, dropped
}

func findEvent(t *testing.T, s store.Store, id string) ledger.RefusedEvent {
	t.Helper()
	e, err := s.Event(t.Context(), id)
	must(t, "Event", err)
	return e
}

func eventIDs(t *testing.T, s store.Store, q store.EventQuery) []string {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 2000
	}
	all, err := s.Events(t.Context(), q)
	must(t, "Events", err)
	found := make([]string, len(all))
	for i, e := range all {
		if e.Body != nil || e.Header != nil {
			t.Errorf("Events returned the body or header of %s", e.ID)
		}
		found[i] = e.ID
	}
	return found
}

// testRefusedEvent adds an event, sees it again, and settles it.
func testRefusedEvent(t *testing.T, s store.Store) {
	added := refusedEvent(1)
	stored, dropped := addEvent(t, s, added)
	added.Seen = 1
	want(t, "stored", stored, added)
	want(t, "dropped", dropped, 0)
	want(t, "found", findEvent(t, s, added.ID), added)

	again := refusedEvent(2)
	again.Event, again.Received = added.Event, begin().Add(time.Hour)
	again.Message, again.Body, again.Size, again.Header, again.Caller = "/size: is missing", []byte("{ }"), 3, nil, "other"
	stored, _ = addEvent(t, s, again)
	again.ID, again.Received, again.Seen = added.ID, added.Received, 2
	want(t, "stored again", stored, again)
	want(t, "found again", findEvent(t, s, added.ID), again)

	must(t, "RefuseEvent", s.RefuseEvent(t.Context(), added.ID, "NOT_FOUND", "there is no job"))
	again.Code, again.Message = "NOT_FOUND", "there is no job"
	want(t, "refused again", findEvent(t, s, added.ID), again)

	must(t, "SettleEvent", s.SettleEvent(t.Context(), added.ID, "id-100", begin().Add(time.Minute)))
	must(t, "SettleEvent", s.SettleEvent(t.Context(), added.ID, "id-200", begin().Add(time.Hour)))
	must(t, "RefuseEvent", s.RefuseEvent(t.Context(), added.ID, "INTERNAL", "too late"))
	again.Retried, again.Ended = "id-100", begin().Add(time.Minute)
	want(t, "settled", findEvent(t, s, added.ID), again)

	addEvent(t, s, added)
	again.Seen = 3
	want(t, "seen after it was settled", findEvent(t, s, added.ID), again)

	if _, err := s.Event(t.Context(), "id-9999"); runwith.CodeOf(err) != runwith.NotFound {
		t.Errorf("Event of an unknown one = %v, want NOT_FOUND", err)
	}
	must(t, "RefuseEvent of an unknown one", s.RefuseEvent(t.Context(), "id-9999", "", ""))
	must(t, "SettleEvent of an unknown one", s.SettleEvent(t.Context(), "id-9999", "", begin()))
}

// testSettledByAccept checks that an event and the invocation for it change together.
func testSettledByAccept(t *testing.T, s store.Store) {
	for n := range 3 {
		addEvent(t, s, refusedEvent(n))
	}
	other := refusedEvent(3)
	other.Trigger, other.Event = "other", "event 1"
	addEvent(t, s, other)
	put(t, s, triggered(101, 1))
	e := findEvent(t, s, "id-0001")
	want(t, "settled by", e.Retried, "id-0101")
	want(t, "settled at", e.Ended, begin())
	want(t, "waiting", eventIDs(t, s, store.EventQuery{Waiting: true}), []string{"id-0003", "id-0002", "id-0000"})
	counts, err := s.WaitingEvents(t.Context())
	must(t, "WaitingEvents", err)
	want(t, "counts", counts, map[string]int{"uploads": 2, "other": 1})

	withdrawn, err := s.Withdraw(t.Context(), "id-0101")
	want(t, "withdrawn", withdrawn, err == nil)
	if e := findEvent(t, s, "id-0001"); !e.Waits() || e.Retried != "" {
		t.Errorf("event of a withdrawn invocation = %+v, want it waiting", e)
	}
}

// testSettledByRepeat repeats a start whose event was refused after it was accepted.
func testSettledByRepeat(t *testing.T, s store.Store) {
	for n := range 2 {
		r := triggered(100+n, n)
		r.Key = r.Source.Event
		put(t, s, r)
		addEvent(t, s, refusedEvent(n))
	}
	now := begin().Add(time.Hour)
	repeat := func(n int) store.Newcomer {
		r := triggered(200+n, n)
		r.Key = r.Source.Event
		return store.Newcomer{Record: r, Admission: ledger.Admission{Now: now}}
	}
	accepted, err := s.Accept(t.Context(), repeat(0).Record, repeat(0).Admission)
	must(t, "Accept", err)
	want(t, "repeats", accepted.Record.ID, "id-0100")
	each, err := s.AcceptEach(t.Context(), []store.Newcomer{repeat(1)})
	must(t, "AcceptEach", err)
	want(t, "repeats", each[0].Record.ID, "id-0101")
	for n := range 2 {
		e := findEvent(t, s, fmt.Sprintf("id-%04d", n))
		want(t, "settled by", e.Retried, fmt.Sprintf("id-%04d", 100+n))
		want(t, "settled at", e.Ended, now)
	}
}

// testEventLists checks filters and pages, of refused events and of invocations of triggers.
func testEventLists(t *testing.T, s store.Store) {
	for n := range 6 {
		e, r := refusedEvent(n), triggered(n, 100+n)
		if n%2 == 1 {
			e.Trigger, e.Job = "pushed", "other"
			r = startedBy(r, &runwith.Source{Trigger: "pushed", Event: r.Source.Event})
			r.Job = "other"
		}
		addEvent(t, s, e)
		put(t, s, r)
	}
	for n, other := range []ledger.Record{Waiting(7), startedBy(Waiting(8), &runwith.Source{Schedule: "nightly", Slot: begin()})} {
		other.ID = fmt.Sprintf("id-%04d", 7+n)
		put(t, s, other)
	}
	for name, test := range map[string]struct {
		query store.EventQuery
		want  []string
	}{
		"all":            {store.EventQuery{}, []string{"id-0005", "id-0004", "id-0003", "id-0002", "id-0001", "id-0000"}},
		"of a trigger":   {store.EventQuery{Trigger: "uploads"}, []string{"id-0004", "id-0002", "id-0000"}},
		"before":         {store.EventQuery{Trigger: "uploads", Before: "id-0004"}, []string{"id-0002", "id-0000"}},
		"limit":          {store.EventQuery{Before: "id-0005", Limit: 2}, []string{"id-0004", "id-0003"}},
		"of jobs":        {store.EventQuery{Jobs: []string{"other", "x"}}, []string{"id-0005", "id-0003", "id-0001"}},
		"of no job":      {store.EventQuery{Jobs: []string{}}, []string{}},
		"of another job": {store.EventQuery{Trigger: "uploads", Jobs: []string{"other"}}, []string{}},
		"of none":        {store.EventQuery{Trigger: "none"}, []string{}},
	} {
		want(t, "refused, "+name, eventIDs(t, s, test.query), test.want)
		if test.query.Limit == 0 {
			test.query.Limit = 100
		}
		started, err := s.Triggered(t.Context(), test.query)
		must(t, name, err)
		want(t, "started, "+name, ids(started), test.want)
	}
}

// testEventBounds checks what a store drops and removes.
func testEventBounds(t *testing.T, s store.Store) {
	long := refusedEvent(0)
	long.Body = bytes.Repeat([]byte("x"), ledger.MaxEventBody+1)
	long.Size = int64(len(long.Body))
	stored, _ := addEvent(t, s, long)
	if stored.Body != nil || stored.Whole() || stored.Size != long.Size {
		t.Errorf("long event: %d of %d bytes stored, want none", len(stored.Body), stored.Size)
	}
	// Events without an identity are each another one.
	for n := 1; n < ledger.MaxEvents; n++ {
		e := refusedEvent(n)
		e.Event = ""
		addEvent(t, s, e)
	}
	must(t, "SettleEvent", s.SettleEvent(t.Context(), "id-0001", "id-100", begin()))
	other := refusedEvent(1001)
	other.Trigger, other.Received = "other", begin().Add(time.Hour)
	for n, want := range []int{0, 0, 1, 1} {
		e := refusedEvent(2000 + n)
		if n == 0 {
			e = other
		}
		if _, dropped := addEvent(t, s, e); dropped != want {
			t.Errorf("add %d has dropped %d, want %d", n, dropped, want)
		}
	}
	want(t, "oldest left", eventIDs(t, s, store.EventQuery{Before: "id-0005"}), []string{"id-0004", "id-0003", "id-0001"})
	counts, err := s.WaitingEvents(t.Context())
	must(t, "WaitingEvents", err)
	want(t, "counts", counts, map[string]int{"uploads": ledger.MaxEvents, "other": 1})

	tidy := func(at time.Time, limit int) int {
		n, err := s.TidyEvents(t.Context(), at, limit)
		must(t, "TidyEvents", err)
		return n
	}
	want(t, "removed too early", tidy(begin().Add(ledger.EventKept), 10), 0)
	want(t, "removed at first", tidy(begin().Add(ledger.EventKept+time.Second), 10), 10)
	want(t, "removed then", tidy(begin().Add(ledger.EventKept+time.Second), 5000), ledger.MaxEvents+1-10)
	want(t, "left", eventIDs(t, s, store.EventQuery{}), []string{"id-1001"})
}
