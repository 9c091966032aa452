package runwith_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/runwith/runwith"
)

func TestTriggerEvents(t *testing.T) {
	t.Parallel()
	var asked []string
	client := setup(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.RequestURI())
		body := `{"id":"e/1","outcome":"accepted","invocation":"i","base64":"/w=="}`
		switch r.URL.Query().Get("pageToken") {
		case "":
			if r.URL.Path == "/api/v1/events" {
				body = `{"events":[{"id":"e2"},{"id":"e1"}],"nextPageToken":"e1"}`
			}
		case "e1":
			body = `{"events":[{"id":"e0","outcome":"refused"}]}`
		}
		answerWith(http.StatusOK, "application/json", body)(w, r)
	})
	var ids []string
	for e, err := range client.TriggerEvents(t.Context(), &runwith.TriggerEventOptions{Trigger: "uploads", Outcome: runwith.TriggerRefused, PageSize: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	if got := strings.Join(ids, " "); got != "e2 e1 e0" {
		t.Errorf("events = %s, want those of both pages", got)
	}
	for range client.TriggerEvents(t.Context(), nil) {
		break
	}
	if e, err := client.TriggerEvent(t.Context(), "e/1"); err != nil || string(e.Base64) != "\xff" {
		t.Errorf("TriggerEvent() = %+v, %v", e, err)
	}
	if e, err := client.RetryEvent(t.Context(), "e/1"); err != nil || e.Outcome != runwith.TriggerAccepted || e.Invocation != "i" {
		t.Errorf("RetryEvent() = %+v, %v", e, err)
	}
	want := `[GET /api/v1/events?outcome=refused&pageSize=2&trigger=uploads GET /api/v1/events?outcome=refused&pageSize=2&pageToken=e1&trigger=uploads GET /api/v1/events GET /api/v1/events/e%2F1 POST /api/v1/events/e%2F1/retry]`
	if got := fmt.Sprint(asked); got != want {
		t.Errorf("requests = %s, want %s", got, want)
	}
	for _, call := range []func() error{
		func() error { _, err := client.TriggerEvent(t.Context(), ""); return err },
		func() error { _, err := client.RetryEvent(t.Context(), ""); return err },
	} {
		if err := call(); runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("without an ID: %v, want INVALID_ARGUMENT", err)
		}
	}
}

func TestTriggerEventsFail(t *testing.T) {
	t.Parallel()
	client := setup(t, answerWith(http.StatusForbidden, "application/problem+json", `{"code":"PERMISSION_DENIED","detail":"no"}`))
	n := 0
	for e, err := range client.TriggerEvents(t.Context(), nil) {
		if n++; e != nil || runwith.CodeOf(err) != runwith.PermissionDenied {
			t.Errorf("TriggerEvents() = %+v, %v, want PERMISSION_DENIED", e, err)
		}
	}
	if n != 1 {
		t.Errorf("%d results, want one error", n)
	}
}
