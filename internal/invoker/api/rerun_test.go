package api_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
)

func TestRerun(t *testing.T) {
	t.Parallel()
	var asked []invoker.Rerun
	server := serve(t, &fake{rerun: func(r invoker.Rerun) (runwith.Invocation, bool, error) {
		asked = append(asked, r)
		i := sample()
		i.ID, i.RerunOf = "inv-2", r.ID
		return i, r.Key == "again", nil
	}})
	for _, test := range []struct {
		body    string
		headers []string
		status  int
		want    invoker.Rerun
	}{
		{``, nil, 202, invoker.Rerun{ID: "inv-1"}},
		{`{}`, []string{"Idempotency-Key", "again"}, 200, invoker.Rerun{ID: "inv-1", Key: "again"}},
		{`{"parameters":{"a":"b"},"labels":{}}`, []string{"Prefer", "wait=5"}, 202, invoker.Rerun{ID: "inv-1", Changes: runwith.Request{
			Parameters: map[string]any{"a": "b"}, Labels: map[string]string{},
		}}},
	} {
		asked = nil
		got := ask(t, server, "POST /api/v1/invocations/inv-1:rerun", test.body, test.headers...)
		if got.status != test.status || got.header.Get("Location") != "/api/v1/invocations/inv-2" {
			t.Errorf("POST %s = %d, Location %q, want %d and the new one", test.body, got.status, got.header.Get("Location"), test.status)
		}
		if diff := cmp.Diff([]invoker.Rerun{test.want}, asked); diff != "" {
			t.Errorf("POST %s (-want +got):\n%s", test.body, diff)
		}
		if len(test.headers) > 0 && test.headers[0] == "Prefer" && got.header.Get("Preference-Applied") != "wait=5" {
			t.Errorf("Preference-Applied = %q, want wait=5", got.header.Get("Preference-Applied"))
		}
	}
	if got := ask(t, server, "POST /api/v1/invocations/inv-1:rerun", `{"job":"x"}`); got.status != http.StatusBadRequest {
		t.Errorf("POST of an unknown field = %d, want 400", got.status)
	}
}

// TestCustomMethods asks for paths beside those that exist.
func TestCustomMethods(t *testing.T) {
	t.Parallel()
	server := serve(t, &fake{
		rerun: func(r invoker.Rerun) (runwith.Invocation, bool, error) {
			return runwith.Invocation{ID: r.ID}, false, nil
		},
		invocation: func(_ context.Context, id string) (runwith.Invocation, error) { return runwith.Invocation{ID: id}, nil },
	})
	for route, want := range map[string]int{
		"POST /api/v1/invocations/a:rerun":     202,
		"POST /api/v1/invocations/a%3Ab:rerun": 202,
		"POST /api/v1/invocations/a%3Arerun":   202, // the same path, since a colon need not be escaped
		"GET /api/v1/invocations/a:other":      200, // an ID with a colon
		"POST /api/v1/invocations/a:other":     405,
		"GET /api/v1/invocations/a:rerun":      405,
		"DELETE /api/v1/invocations/a:rerun":   405,
		"POST /api/v1/invocations/a/:rerun":    404,
		"POST /api/v1/invocations/:rerun":      404,
		"POST /api/v1/invocations/a:rerun/":    404,
		"POST /api/v1/jobs/a:rerun":            404,
		"POST /api/v1/jobs/a/invocations:x":    404,
	} {
		got := ask(t, server, route, "")
		if got.status != want {
			t.Errorf("%s = %d %s, want %d", route, got.status, got.body, want)
		}
		if want == http.StatusMethodNotAllowed && got.header.Get("Allow") == "" {
			t.Errorf("%s has no Allow", route)
		}
		if want >= 400 && got.problem(t).Code == "" {
			t.Errorf("%s: %s is no problem", route, got.body)
		}
	}
	if got := ask(t, server, "GET /api/v1/invocations/a:rerun", ""); got.header.Get("Allow") != "POST" {
		t.Errorf("Allow = %q, want POST", got.header.Get("Allow"))
	}
}
