package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/invoker"
)

func TestStartWithKey(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		headers []string
		key     string
		status  int
	}{
		"none":          {nil, "", 202},
		"quoted":        {[]string{"Idempotency-Key", `"k 1"`}, "k 1", 202},
		"bare":          {[]string{"Idempotency-Key", `k 1`}, "k 1", 202},
		"used before":   {[]string{"Idempotency-Key", `again`}, "again", 200},
		"empty":         {[]string{"Idempotency-Key", `""`}, "", 400},
		"too long":      {[]string{"Idempotency-Key", strings.Repeat("k", 256)}, "", 400},
		"twice":         {[]string{"Idempotency-Key", "a", "Idempotency-Key", "b"}, "", 400},
		"another's use": {[]string{"Idempotency-Key", "taken"}, "taken", 422},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := ""
			server := serve(t, &fake{request: func(q invoker.Request) (runwith.Invocation, bool, error) {
				asked = q.Key
				if q.Key == "taken" {
					return runwith.Invocation{}, false, &runwith.Error{Code: runwith.AlreadyExists, Message: "differs in args", Err: cause.KeyReused}
				}
				return sample(), q.Key == "again", nil
			}})
			got := ask(t, server, "POST /api/v1/jobs/test-job/invocations", "{}", test.headers...)
			replayed := map[bool]string{true: "true"}[test.status == 200]
			if got.status != test.status || asked != test.key || got.header.Get("Idempotency-Replayed") != replayed {
				t.Errorf("%d with key %q, replayed %q, want %d with %q, %q: %s", got.status, asked,
					got.header.Get("Idempotency-Replayed"), test.status, test.key, replayed, got.body)
			}
			if test.status < 300 && got.header.Get("Location") != "/api/v1/invocations/inv-1" {
				t.Errorf("Location = %q", got.header.Get("Location"))
			}
			if test.status == 400 {
				if diff := cmp.Diff([]string{"header.Idempotency-Key"}, got.problem(t).faults()); diff != "" {
					t.Errorf("faults (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// An empty header is an empty key, not a missing one.
func TestStartWithEmptyKey(t *testing.T) {
	t.Parallel()
	server := serve(t, &fake{})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/api/v1/jobs/test-job/invocations", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header["Idempotency-Key"] = []string{""}
	if got := do(t, server, r); got.status != http.StatusBadRequest {
		t.Errorf("%d, want 400", got.status)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	asked := sample()
	asked.CancelRequested = time.Date(2026, 1, 2, 3, 5, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		invocation runwith.Invocation
		err        error
		prefer     string
		status     int
		want       string
	}{
		"asked":     {invocation: asked, status: 202, want: `"cancelRequested":"2026-01-02T03:05:00Z"`},
		"ended":     {invocation: succeeded(), status: 200, want: `"state":"succeeded"`},
		"waited":    {invocation: asked, prefer: "wait=10", status: 202, want: `"state":"succeeded"`},
		"not there": {err: runwith.Errorf(runwith.NotFound, "no"), status: 404, want: "NOT_FOUND"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, &fake{cancel: func(string) (runwith.Invocation, error) { return test.invocation, test.err }})
			got := ask(t, server, "POST /api/v1/invocations/inv-1/cancel", "", "Prefer", test.prefer)
			if got.status != test.status || !strings.Contains(got.body, test.want) {
				t.Errorf("%d %s, want %d %s", got.status, got.body, test.status, test.want)
			}
		})
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int{
		`{"decision":"retry"}`:         200,
		`{"decision":"leave"}`:         200,
		`{"decision":"forget"}`:        400,
		`{}`:                           400,
		``:                             400,
		`{"decision":"leave","why":1}`: 400,
	} {
		var decided invoker.Decision
		server := serve(t, &fake{resolve: func(_ string, d invoker.Decision) (runwith.Invocation, error) {
			decided = d
			return sample(), nil
		}})
		got := ask(t, server, "POST /api/v1/invocations/inv-1/resolve", body)
		if got.status != want || (want == 200) != (decided != "") {
			t.Errorf("%s: %d and decided %q, want %d: %s", body, got.status, decided, want, got.body)
		}
	}
}
