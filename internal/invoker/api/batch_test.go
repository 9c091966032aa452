package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/api"
)

const batchRoute = "POST /api/v1/jobs/test-job/invocations:batch"

// TestBatchAnswersEach compares the answer to each item with that to a single request.
func TestBatchAnswersEach(t *testing.T) {
	t.Parallel()
	server := serve(t, &fake{request: func(q invoker.Request) (runwith.Invocation, bool, error) {
		i := sample()
		switch {
		case q.Key == "full":
			return i, false, &runwith.Error{Code: runwith.ResourceExhausted, Message: "too many", Err: cause.RetryAfter(7 * time.Second)}
		case q.Asked.Labels["n"] == "bad":
			return i, false, runwith.Errorf(runwith.NotFound, "there is no job")
		}
		i.Request = &q.Asked
		return i, q.Key == "again", nil
	}})
	for _, test := range []struct{ item, key string }{
		{`{}`, ""},
		{`{"parameters":{"tenant":"acme","big":9007199254740993}}`, "k"},
		{`{"args":["a"],"timeout":"90s","startAt":"2026-12-01T03:00:00+01:00"}`, `with "quotes"`},
		{`{"labels":{"n":"bad"}}`, ""},
		{`{}`, "again"},
		{`{}`, "full"},
		{`{"taskCount":"x"}`, ""},
		{`{"taskcount":1}`, ""},
		{`{"tasks":1,"startAt":"tomorrow"}`, ""},
		{`{"parameters":{"a":{}}}`, ""},
		{`{"timeout":"1ms"}`, ""},
		{`{"env":{"A":"1","A":"2"}}`, ""},
		{`{"parameters":{"a":1e400}}`, ""},
		{`{"args":["\ud800"]}`, ""},
		{"{\"args\":[\"\xff\"]}", ""},
		{`[]`, ""},
		{`{"env":null,"startAt":null}`, ""},
	} {
		headers := []string{}
		item := test.item
		if test.key != "" {
			headers = append(headers, "Idempotency-Key", `"`+strings.ReplaceAll(test.key, `"`, `\"`)+`"`)
			key, _ := json.Marshal(test.key)
			item = strings.Replace(item, "{", `{"key":`+string(key)+",", 1)
			item = strings.Replace(item, ",}", "}", 1)
		}
		single := ask(t, server, "POST /api/v1/jobs/test-job/invocations", test.item, headers...)
		got := askBatch(t, server.URL, server.Client(), `{"items":[`+item+`]}`)[0]
		if got.Status != single.status || got.Replayed != (single.header.Get("Idempotency-Replayed") == "true") {
			t.Errorf("%s: status %d, replayed %v, and alone %d, %q", item, got.Status, got.Replayed, single.status, single.header.Get("Idempotency-Replayed"))
		}
		if diff := cmp.Diff(strings.TrimSpace(single.body), strings.Replace(string(got.Invocation)+string(got.Problem), "env, key, labels", "env, labels", 1)); diff != "" {
			t.Errorf("%s (-alone +in a batch):\n%s", item, diff)
		}
		if after := single.header.Get("Retry-After"); after != "" && after != fmt.Sprint(got.RetryAfter) {
			t.Errorf("%s: retryAfter %d, and alone %s", item, got.RetryAfter, after)
		}
	}
}

type rawAnswer struct {
	Status, RetryAfter  int
	Replayed            bool
	Invocation, Problem json.RawMessage
}

func askBatch(t *testing.T, url string, client *http.Client, body string) []rawAnswer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+strings.TrimPrefix(batchRoute, "POST "), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answers struct{ Items []rawAnswer }
	if err := json.NewDecoder(response.Body).Decode(&answers); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("POST %.100s = %d, %v, want 200", body, response.StatusCode, err)
	}
	return answers.Items
}

// TestOneBadItem checks that the answers are in order around a bad item.
func TestOneBadItem(t *testing.T) {
	t.Parallel()
	var keys []string
	server := serve(t, &fake{request: func(q invoker.Request) (runwith.Invocation, bool, error) {
		keys = append(keys, q.Key)
		i := sample()
		i.ID = q.Key
		return i, false, nil
	}})
	got := askBatch(t, server.URL, server.Client(), `{"items":[{"key":"a"},{"key":""},{"key":7},{"kye":"x"},{"key":"b"}]}`)
	statuses := make([]int, len(got))
	for i, a := range got {
		statuses[i] = a.Status
	}
	if diff := cmp.Diff([]int{202, 400, 400, 400, 202}, statuses); diff != "" || !cmp.Equal(keys, []string{"a", "b"}) {
		t.Errorf("statuses %v, keys %q, want the first and the last accepted", statuses, keys)
	}
	if problem := string(got[3].Problem); !strings.Contains(problem, `"location":"body.kye"`) || !strings.Contains(problem, "key") {
		t.Errorf("problem = %s, want it to name the field and the nearest one", problem)
	}
}

// TestBatchRefused sends bodies that are no batch.
func TestBatchRefused(t *testing.T) {
	t.Parallel()
	server := serveConfig(t, api.Config{Invoker: &fake{}})
	many := `{"items":[` + strings.TrimSuffix(strings.Repeat("{},", 1001), ",") + `]}`
	for _, test := range []struct {
		body, want string
		status     int
		headers    []string
	}{
		{``, "is required: send items", 400, nil},
		{`[]`, "must be an object", 400, nil},
		{`{}`, "has no item", 400, nil},
		{`{"items":[]}`, "has no item", 400, nil},
		{`{"items":{}}`, "must be a list", 400, nil},
		{`{"items":[{}`, "malformed JSON at line 1", 400, nil},
		{`{"items":[{}],"items":[{}]}`, "one field, items", 400, nil},
		{`{"items":[{}],"dryRun":true}`, "body.dryRun", 400, nil},
		{many, "at most 1000: send several", 400, nil},
		{`{"items":["` + strings.Repeat("x", 1<<20) + `"]}`, "larger than", 413, nil},
		{`{"items":[{}]}`, "each item has its own key", 400, []string{"Idempotency-Key", "k"}},
	} {
		got := ask(t, server, batchRoute, test.body, test.headers...)
		if got.status != test.status || !strings.Contains(got.body, test.want) {
			t.Errorf("POST %.60s = %d %.300s, want %d with %q", test.body, got.status, got.body, test.status, test.want)
		}
	}
	if got := ask(t, server, "POST /api/v1/jobs/unknown/invocations:batch", `{"items":[{"args":1}]}`); got.status != http.StatusNotFound {
		t.Errorf("batch for an unknown job = %d, want 404", got.status)
	}
	if got := ask(t, server, "GET /api/v1/jobs/test-job/invocations:batch", ""); got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != "POST" {
		t.Errorf("GET = %d, Allow %q, want 405 and POST", got.status, got.header.Get("Allow"))
	}
}

// TestItemLimit checks that the job's limit is for each item.
func TestItemLimit(t *testing.T) {
	t.Parallel()
	server := serveConfig(t, api.Config{Invoker: &fake{}, MaxBody: func(_ context.Context, job string) int { return len(job) * 4 }})
	got := askBatch(t, server.URL, server.Client(), `{"items":[{"args":["a"]},{"args":["`+strings.Repeat("x", 40)+`"]},{"args":["a"]}]}`)
	if got[0].Status != 202 || got[1].Status != 413 || got[2].Status != 202 {
		t.Errorf("statuses = %d, %d, %d, want 413 for the large one", got[0].Status, got[1].Status, got[2].Status)
	}
}
