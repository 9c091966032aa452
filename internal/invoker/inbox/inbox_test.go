package inbox_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/invoker/inbox"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store/sqlite"
)

// triggers accept events into a store, or fail.
type triggers struct {
	store *sqlite.Store
	err   error
}

func (f *triggers) Target(string) string { return "report" }

// Retry accepts an invocation, or returns the one with the same key, as the invoker does.
func (f *triggers) Retry(ctx context.Context, e ledger.RefusedEvent) (runwith.Invocation, bool, error) {
	if f.err != nil {
		return runwith.Invocation{}, false, f.err
	}
	r := record(e.Trigger, e.Event)
	accepted, err := f.store.Accept(ctx, r, ledger.Admission{Now: r.Created})
	return accepted.Record.Invocation, accepted.Replayed, err
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// record returns an invocation of a trigger, whose key is the event.
func record(trigger, event string) ledger.Record {
	now := ledger.Stored(time.Now())
	return ledger.Record{
		Invocation: runwith.Invocation{
			ID: newID(), Job: "report", State: runwith.StateAccepted, Created: now, Source: &runwith.Source{Trigger: trigger, Event: event},
		},
		Version: 1, Owner: ledger.OwnerOf("trigger/" + trigger), Key: event, Fingerprint: "x", Asked: []byte("{}"), Target: "report", Overrides: []byte{}, NotBefore: now,
	}
}

func open(t *testing.T) (*inbox.Inbox, *triggers) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "invoker.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	f := &triggers{store: s}
	return inbox.New(s, f, nil), f
}

// refuse adds a refused event, and returns its ID.
func (f *triggers) refuse(t *testing.T, trigger, event string, body []byte) string {
	t.Helper()
	e, _, err := f.store.AddEvent(t.Context(), ledger.RefusedEvent{
		ID: newID(), Trigger: trigger, Job: "report", Event: event, Received: ledger.Stored(time.Now()), Code: "INVALID_ARGUMENT", Message: "map.name: is missing",
		Body: body, Size: int64(len(body)), Header: map[string]string{"Ce-Id": event},
	})
	if err != nil {
		t.Fatal(err)
	}
	return e.ID
}

func (f *triggers) accept(t *testing.T, trigger, event string) string {
	t.Helper()
	r := record(trigger, event)
	if _, err := f.store.Accept(t.Context(), r, ledger.Admission{Now: r.Created}); err != nil {
		t.Fatal(err)
	}
	return r.ID
}

// Refused and accepted events are in one order, over all pages.
func TestPages(t *testing.T) {
	t.Parallel()
	b, f := open(t)
	var all, refused, uploads []string
	for n := range 10 {
		trigger := []string{"uploads", "pushed"}[n/2%2]
		event := fmt.Sprint("event ", n)
		id := ""
		if n%2 == 0 {
			id = f.refuse(t, trigger, event, nil)
			refused = append(refused, id)
		} else {
			id = f.accept(t, trigger, event)
		}
		if all = append(all, id); trigger == "uploads" {
			uploads = append(uploads, id)
		}
	}
	slices.Reverse(all)
	slices.Reverse(refused)
	slices.Reverse(uploads)
	for name, test := range map[string]struct {
		filter inbox.Filter
		want   []string
	}{
		"all":           {inbox.Filter{}, all},
		"pages":         {inbox.Filter{PageSize: 3}, all},
		"exact pages":   {inbox.Filter{PageSize: 5}, all},
		"refused":       {inbox.Filter{Outcome: runwith.TriggerRefused, PageSize: 2}, refused},
		"accepted":      {inbox.Filter{Outcome: runwith.TriggerAccepted, Trigger: "none"}, nil},
		"of a trigger":  {inbox.Filter{Trigger: "uploads", PageSize: 1}, uploads},
		"of no job":     {inbox.Filter{Jobs: []string{}}, nil},
		"of the job":    {inbox.Filter{Jobs: []string{"x", "report"}, PageSize: 9}, all},
		"of other jobs": {inbox.Filter{Jobs: []string{"x"}}, nil},
	} {
		var got []string
		for {
			page, next, err := b.Events(t.Context(), test.filter)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page {
				got = append(got, e.ID)
			}
			if test.filter.PageToken = next; next == "" {
				break
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %d events %q, want %d", name, len(got), got, len(test.want))
		}
	}
	for _, f := range []inbox.Filter{{PageSize: -1}, {PageToken: "x"}, {Outcome: "lost"}} {
		if _, _, err := b.Events(t.Context(), f); runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("Events(%+v) = %v, want INVALID_ARGUMENT", f, err)
		}
	}
}

func TestShow(t *testing.T) {
	t.Parallel()
	b, f := open(t)
	text, binary, started := f.refuse(t, "uploads", "1", []byte("{}")), f.refuse(t, "uploads", "2", []byte("\xff")), f.accept(t, "uploads", "3")
	e, err := b.Event(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	if e.Body != "{}" {
		t.Errorf("text: body = %q, want {}", e.Body)
	}
	if e.Base64 != nil {
		t.Errorf("text: base64 = %q, want none", e.Base64)
	}
	if id := e.Header["Ce-Id"]; id != "1" {
		t.Errorf("text: header Ce-Id = %q, want 1", id)
	}
	if want := "map.name: is missing"; e.Error.Message != want {
		t.Errorf("text: error = %q, want %q", e.Error.Message, want)
	}
	if e.Outcome != runwith.TriggerRefused {
		t.Errorf("text: outcome = %s, want refused", e.Outcome)
	}
	if e, err := b.Event(t.Context(), binary); err != nil || e.Body != "" || string(e.Base64) != "\xff" {
		t.Errorf("binary: %+v, %v", e, err)
	}
	if e, err = b.Event(t.Context(), started); err != nil {
		t.Fatal(err)
	}
	if e.Invocation != started {
		t.Errorf("accepted: invocation = %q, want %q", e.Invocation, started)
	}
	if e.Event != "3" {
		t.Errorf("accepted: event = %q, want 3", e.Event)
	}
	if e.Outcome != runwith.TriggerAccepted {
		t.Errorf("accepted: outcome = %s, want accepted", e.Outcome)
	}
	if e.Error != nil {
		t.Errorf("accepted: error = %+v, want none", e.Error)
	}
	byCaller := record("", "")
	byCaller.Source, byCaller.Key = nil, ""
	if _, err := f.store.Accept(t.Context(), byCaller, ledger.Admission{Now: byCaller.Created}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{byCaller.ID, "none", ""} {
		if _, err := b.Event(t.Context(), id); runwith.CodeOf(err) != runwith.NotFound {
			t.Errorf("Event(%q) = %v, want NOT_FOUND", id, err)
		}
	}
}

// A still refused event has the new reason; many retries at once start one invocation.
func TestRetry(t *testing.T) {
	t.Parallel()
	b, f := open(t)
	id := f.refuse(t, "uploads", "1", []byte("{}"))
	for _, test := range []struct {
		err       error
		want      runwith.Code
		newReason bool
	}{
		{runwith.Errorf(runwith.NotFound, "there is no job x"), runwith.FailedPrecondition, true},
		{runwith.Errorf(runwith.Unavailable, "the disk is full"), runwith.Unavailable, false},
		{runwith.Errorf(runwith.ResourceExhausted, "the queue is full"), runwith.ResourceExhausted, false},
		{errors.New("canary"), runwith.Unknown, false},
	} {
		f.err = test.err
		_, err := b.Retry(t.Context(), id)
		if !errors.Is(err, test.err) || test.want != runwith.Unknown && runwith.CodeOf(err) != test.want {
			t.Errorf("Retry() = %v, want %v", err, test.want)
		}
		e, err := b.Event(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if want := "there is no job x"; e.Error.Message != want {
			t.Errorf("after %v: error = %q, want %q", test.err, e.Error.Message, want)
		}
		if e.Error.Code != "NOT_FOUND" {
			t.Errorf("after %v: code = %s, want NOT_FOUND", test.err, e.Error.Code)
		}
		if e.Outcome != runwith.TriggerRefused {
			t.Errorf("after %v: outcome = %s, want refused", test.err, e.Outcome)
		}
	}
	f.err = &runwith.Error{Code: runwith.ResourceExhausted, Err: cause.BudgetExhausted, Message: "the budget is used up"}
	if _, err := b.Retry(t.Context(), id); runwith.CodeOf(err) != runwith.FailedPrecondition {
		t.Errorf("Retry() without a budget = %v, want that the event is still refused", err)
	}
	f.err = nil
	var group sync.WaitGroup
	started := make([]string, 8)
	for n := range started {
		group.Go(func() {
			e, err := b.Retry(t.Context(), id)
			if started[n] = e.Invocation; err != nil || e.Outcome != runwith.TriggerAccepted || e.Retried.IsZero() {
				t.Errorf("Retry() = %+v, %v", e, err)
			}
		})
	}
	group.Wait()
	if slices.Sort(started); started[0] == "" || len(slices.Compact(started)) != 1 {
		t.Errorf("8 retries started %q, want one invocation", started)
	}
	if page, _, err := b.Events(t.Context(), inbox.Filter{}); err != nil || len(page) != 1 || page[0].Invocation != started[0] {
		t.Errorf("events after the retry = %+v, %v, want one", page, err)
	}
	if e, err := b.Retry(t.Context(), started[0]); err != nil || e.Invocation != started[0] {
		t.Errorf("retry of an accepted event = %+v, %v, want it as it is", e, err)
	}
	if _, err := b.Retry(t.Context(), "none"); runwith.CodeOf(err) != runwith.NotFound || !strings.Contains(err.Error(), `event "none"`) {
		t.Errorf("retry of no event = %v, want NOT_FOUND", err)
	}
}
