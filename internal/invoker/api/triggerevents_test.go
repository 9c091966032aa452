package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/api"
	"github.com/runwith/runwith/internal/invoker/inbox"
)

// fakeEvents records what the API asks for.
type fakeEvents struct {
	asked  string
	filter inbox.Filter
	page   []runwith.TriggerEvent
	err    error
}

func (f *fakeEvents) Events(_ context.Context, filter inbox.Filter) ([]runwith.TriggerEvent, string, error) {
	f.asked, f.filter = "list", filter
	return f.page, "next", f.err
}

func (f *fakeEvents) Event(_ context.Context, id string) (runwith.TriggerEvent, error) {
	f.asked = "show " + id
	return runwith.TriggerEvent{ID: id, Outcome: runwith.TriggerRefused, Body: "{}", Base64: []byte{255}}, f.err
}

func (f *fakeEvents) Retry(_ context.Context, id string) (runwith.TriggerEvent, error) {
	f.asked = "retry " + id
	return runwith.TriggerEvent{ID: id, Outcome: runwith.TriggerAccepted, Invocation: "i"}, f.err
}

func TestTriggerEvents(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ route, asked, body string }{
		{"GET /api/v1/events", "list", `{"events":[],"nextPageToken":"next"}`},
		{"GET /api/v1/events/e1", "show e1", `"body":"{}","base64":"/w=="`},
		{"POST /api/v1/events/e1/retry", "retry e1", `"outcome":"accepted","invocation":"i"`},
	} {
		f := &fakeEvents{}
		server := serveConfig(t, api.Config{Invoker: &fake{}, Events: f})
		if a := ask(t, server, tt.route, ""); a.status != http.StatusOK || !strings.Contains(a.body, tt.body) || f.asked != tt.asked {
			t.Errorf("%s = %d %s after %q, want %s after %q", tt.route, a.status, a.body, f.asked, tt.body, tt.asked)
		}
		f.err = runwith.Errorf(runwith.NotFound, "there is no event")
		if a := ask(t, server, tt.route, ""); a.status != http.StatusNotFound || !strings.Contains(a.body, "there is no event") {
			t.Errorf("%s of nothing = %d %s, want 404", tt.route, a.status, a.body)
		}
	}
}

func TestTriggerEventFilters(t *testing.T) {
	t.Parallel()
	f := &fakeEvents{page: []runwith.TriggerEvent{{ID: "e1"}}}
	server := serveConfig(t, api.Config{Invoker: &fake{}, Events: f})
	a := ask(t, server, "GET /api/v1/events?trigger=uploads&outcome=refused&pageSize=7&pageToken=t", "")
	want := inbox.Filter{Trigger: "uploads", Outcome: runwith.TriggerRefused, PageSize: 7, PageToken: "t"}
	if diff := cmp.Diff(want, f.filter); diff != "" || a.status != http.StatusOK || !strings.Contains(a.body, `"id":"e1"`) {
		t.Errorf("%d %s, filter (-want +got):\n%s", a.status, a.body, diff)
	}
	for _, query := range []string{"outcome=lost", "pageSize=-1", "pageSize=x", "job=a", "trigger=a&trigger=b"} {
		f.asked = ""
		if a := ask(t, server, "GET /api/v1/events?"+query, ""); a.status != http.StatusBadRequest || f.asked != "" {
			t.Errorf("%s = %d %s, want 400", query, a.status, a.body)
		}
	}
	if a := ask(t, server, "POST /api/v1/events/e1/retry", `{"a":1}`); a.status != http.StatusBadRequest || f.asked != "" {
		t.Errorf("retry with a body = %d %s, want 400", a.status, a.body)
	}
	without := serveConfig(t, api.Config{Invoker: &fake{}})
	if a := ask(t, without, "GET /api/v1/events", ""); a.status != http.StatusNotFound {
		t.Errorf("without events = %d, want 404", a.status)
	}
}
