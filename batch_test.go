package runwith_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/runwith/runwith"
)

func TestClientStartEach(t *testing.T) {
	t.Parallel()
	var got []string
	client := setup(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, fmt.Sprintf("%s %s %s", r.Method, r.URL.EscapedPath(), body))
		if len(got) == 1 { // the answer is lost
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		answerWith(http.StatusOK, "application/json", `{"items":[{"status":202,"invocation":{"id":"1","state":"accepted"}},
			{"status":200,"replayed":true,"invocation":{"id":"2","state":"running"}},
			{"status":429,"problem":{"code":"RESOURCE_EXHAUSTED","detail":"too many","status":429},"retryAfter":7}, {"status":202}]}`)(w, r)
	})
	results, err := client.StartEach(t.Context(), "a/b", []runwith.StartItem{
		{Key: "k", Request: runwith.Request{Labels: map[string]string{"a": "b"}, Overrides: runwith.Overrides{Timeout: time.Minute}}}, {}, {Key: "l"}, {Key: "m"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if id := results[0].Invocation.ID; id != "1" {
		t.Errorf("ID of item 0 = %q, want 1", id)
	}
	if results[0].Replayed {
		t.Errorf("item 0 = %+v, want a new invocation", results[0])
	}
	if !results[1].Replayed {
		t.Errorf("item 1 = %+v, want a repeated one", results[1])
	}
	if state := results[1].Invocation.State; state != runwith.StateRunning {
		t.Errorf("state of item 1 = %s, want running", state)
	}
	refused := results[2]
	if e, ok := errors.AsType[*runwith.Error](refused.Err); !ok || e.Code != runwith.ResourceExhausted {
		t.Errorf("error of a refused item = %v, want RESOURCE_EXHAUSTED", refused.Err)
	}
	if refused.RetryAfter != 7*time.Second {
		t.Errorf("a refused item may be sent again after %v, want 7s", refused.RetryAfter)
	}
	if refused.Invocation != nil {
		t.Errorf("a refused item has the invocation %+v, want none", refused.Invocation)
	}
	if runwith.CodeOf(results[3].Err) != runwith.DataLoss {
		t.Errorf("an item without an invocation = %v, want DATA_LOSS", results[3].Err)
	}
	const want = `POST /api/v1/jobs/a%2Fb/invocations:batch {"items":[{"key":"k","timeout":"1m0s","labels":{"a":"b"}},{"key":"`
	if len(got) != 2 {
		t.Fatalf("sent %q, want two requests", got)
	}
	if got[0] != got[1] {
		t.Errorf("second request = %s, want the first again: %s", got[1], got[0])
	}
	if !strings.HasPrefix(got[0], want) {
		t.Errorf("request = %s, want %s in front", got[0], want)
	}
	if strings.Contains(got[0], `{"key":""}`) {
		t.Errorf("request = %s, want a key in each item", got[0])
	}
}

func TestClientStartEachRefuses(t *testing.T) {
	t.Parallel()
	client := setup(t, answerWith(http.StatusOK, "application/json", `{"items":[]}`))
	if results, err := client.StartEach(t.Context(), "a", nil); err != nil || len(results) != 0 {
		t.Errorf("StartEach of none = %v, %v, want nothing", results, err)
	}
	if _, err := client.StartEach(t.Context(), "a", make([]runwith.StartItem, runwith.MaxBatch+1)); runwith.CodeOf(err) != runwith.InvalidArgument {
		t.Errorf("StartEach of too many = %v, want INVALID_ARGUMENT", err)
	}
	if _, err := client.StartEach(t.Context(), "a", make([]runwith.StartItem, 1)); runwith.CodeOf(err) != runwith.DataLoss {
		t.Errorf("StartEach without an answer for each = %v, want DATA_LOSS", err)
	}
	if _, err := client.StartEach(t.Context(), "..", make([]runwith.StartItem, 1)); runwith.CodeOf(err) != runwith.InvalidArgument {
		t.Errorf("StartEach of job .. = %v, want INVALID_ARGUMENT", err)
	}
}

func TestClientRerun(t *testing.T) {
	t.Parallel()
	var got string
	client := setup(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = fmt.Sprintf("%s %s %s %s", r.Method, r.URL.EscapedPath(), r.Header.Get("Idempotency-Key"), body)
		answerWith(http.StatusAccepted, "application/json", `{"id":"2","rerunOf":"1"}`)(w, r)
	})
	for _, test := range []struct {
		changes *runwith.Request
		body    string
	}{{nil, `{}`}, {&runwith.Request{Parameters: map[string]any{"n": 1}}, `{"parameters":{"n":1}}`}} {
		i, err := client.Rerun(t.Context(), "1", "k", test.changes)
		if want := `POST /api/v1/invocations/1:rerun "k" ` + test.body; err != nil || i.RerunOf != "1" || got != want {
			t.Errorf("Rerun() = %+v, %v, sent %s, want %s", i, err, got, want)
		}
	}
	if _, err := client.Rerun(t.Context(), "1", "", nil); runwith.CodeOf(err) != runwith.InvalidArgument {
		t.Errorf("Rerun without a key = %v, want INVALID_ARGUMENT", err)
	}
}

// TestClientBoundsRetryAfter reads a number that is larger than a duration.
func TestClientBoundsRetryAfter(t *testing.T) {
	t.Parallel()
	client := setup(t, answerWith(http.StatusOK, "application/json",
		`{"items":[{"status":429,"problem":{"code":"RESOURCE_EXHAUSTED","detail":"too many","status":429},"retryAfter":10000000000}]}`))
	results, err := client.StartEach(t.Context(), "a", []runwith.StartItem{{}})
	if err != nil {
		t.Fatal(err)
	}
	if after := results[0].RetryAfter; after < time.Hour {
		t.Errorf("a refused item may be sent again after %v, want many years", after)
	}
}
