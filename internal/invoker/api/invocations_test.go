package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/api"
)

func golden(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestStart(t *testing.T) {
	t.Parallel()
	var gotJob string
	var gotOverrides runwith.Overrides
	server := serve(t, &fake{invoke: func(_ context.Context, job string, o runwith.Overrides) (runwith.Invocation, error) {
		gotJob, gotOverrides = job, o
		return sample(), nil
	}})
	got := ask(t, server, "POST /api/v1/jobs/test-job/invocations", golden(t, "run.request.json"))
	if got.status != http.StatusAccepted || got.header.Get("Location") != "/api/v1/invocations/inv-1" {
		t.Errorf("POST = %d, Location %q, want 202, /api/v1/invocations/inv-1", got.status, got.header.Get("Location"))
	}
	if diff := cmp.Diff(golden(t, "run.response.json"), got.body); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if gotJob != "test-job" {
		t.Errorf("job = %q, want test-job", gotJob)
	}
	want := runwith.Overrides{
		Args:      []string{"arg-1", "arg-2"},
		Env:       map[string]string{"ENV_1": "HELLO"},
		TaskCount: 1,
		Timeout:   10 * time.Second,
	}
	if diff := cmp.Diff(want, gotOverrides); diff != "" {
		t.Errorf("overrides (-want +got):\n%s", diff)
	}
}

// TestRefusedStart checks that a start that Cloud Run has refused before the answer, as with an
// ephemeral store, is an error. A repeat finds the invocation.
func TestRefusedStart(t *testing.T) {
	t.Parallel()
	refused := sample()
	refused.State, refused.Error = runwith.StateRefused, &runwith.Failure{Code: "FAILED_PRECONDITION", Message: "the image has no command"}
	server := serve(t, &fake{
		request: func(q invoker.Request) (runwith.Invocation, bool, error) { return refused, q.Key == "again", nil },
		rerun:   func(invoker.Rerun) (runwith.Invocation, bool, error) { return refused, false, nil },
	})
	for _, path := range []string{"/jobs/test-job/invocations", "/invocations/inv-0:rerun"} {
		got := ask(t, server, "POST /api/v1"+path, "{}", "Prefer", "wait=10")
		if p := got.problem(t); got.status != http.StatusBadRequest || p.Code != "FAILED_PRECONDITION" || p.Detail != "the image has no command" {
			t.Errorf("%s: %d %s, want 400 with the refusal", path, got.status, got.body)
		}
	}
	got := ask(t, server, "POST /api/v1/jobs/test-job/invocations", "{}", "Idempotency-Key", "again")
	if got.status != http.StatusOK || !strings.Contains(got.body, `"state":"refused"`) {
		t.Errorf("repeat: %d %s, want 200 with the invocation", got.status, got.body)
	}
}

// TestRequestArrives sends a whole request with the client.
func TestRequestArrives(t *testing.T) {
	t.Parallel()
	sent := runwith.Request{
		Parameters: map[string]any{"tenant": "acme", "Tenant": "", "full": true, "big": json.Number("9007199254740993"), "rate": json.Number("0.10")},
		Labels:     map[string]string{"tenant": "acme"},
		Callback:   &runwith.Callback{URL: "https://api.example.com/hook"},
		Overrides:  runwith.Overrides{Args: []string{}, Timeout: time.Minute},
	}
	var got invoker.Request
	server := serve(t, &fake{request: func(q invoker.Request) (runwith.Invocation, bool, error) {
		got = q
		i := sample()
		i.Request, i.Labels, i.Caller = &q.Asked, q.Asked.Labels, "docs-api"
		return i, false, nil
	}})
	client := runwith.Client{Server: server.URL, HTTPClient: server.Client()}
	invocation, err := client.Start(t.Context(), "test-job", "k", &sent)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(invoker.Request{Job: "test-job", Key: "k", Asked: sent}, got); diff != "" {
		t.Errorf("request (-sent +got):\n%s", diff)
	}
	if diff := cmp.Diff(&sent, invocation.Request); diff != "" {
		t.Errorf("request of the answer (-sent +got):\n%s", diff)
	}
}

func TestStartBodies(t *testing.T) {
	t.Parallel()
	tests := []struct {
		body string
		want runwith.Overrides
	}{
		{``, runwith.Overrides{}},
		{`{}`, runwith.Overrides{}},
		{`{"args":null,"env":null,"containers":null,"taskCount":null,"timeout":null}`, runwith.Overrides{}},
		{`{"args":[]}`, runwith.Overrides{Args: []string{}}},
		{`{"args":["",""]}`, runwith.Overrides{Args: []string{"", ""}}},
		{`{"timeout":"600s"}`, runwith.Overrides{Timeout: 10 * time.Minute}},
		{`{"timeout":"1h30m"}`, runwith.Overrides{Timeout: 90 * time.Minute}},
		{`{"taskCount":10000}`, runwith.Overrides{TaskCount: 10000}},
		{`{"env":{"a":"lower","A":"upper"}}`, runwith.Overrides{Env: map[string]string{"a": "lower", "A": "upper"}}},
		{`{"containers":[{"name":"main","args":[],"env":{"B":""}},{"name":"side"}]}`, runwith.Overrides{
			Containers: []runwith.ContainerOverride{
				{Name: "main", Args: []string{}, Env: map[string]string{"B": ""}},
				{Name: "side"},
			},
		}},
	}
	for _, test := range tests {
		var got runwith.Overrides
		server := serve(t, &fake{invoke: func(_ context.Context, _ string, o runwith.Overrides) (runwith.Invocation, error) {
			got = o
			return sample(), nil
		}})
		if a := ask(t, server, "POST /api/v1/jobs/test-job/invocations", test.body); a.status != http.StatusAccepted {
			t.Errorf("POST %s = %d %s, want 202", test.body, a.status, a.body)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("overrides of %s (-want +got):\n%s", test.body, diff)
		}
	}
}

// The API reads what the client marshals.
func TestOverridesArrive(t *testing.T) {
	t.Parallel()
	sent := runwith.Overrides{
		Args: []string{},
		Env:  map[string]string{"EMPTY": "", "ENV_1": "HELLO <&> \u2028"},
		Containers: []runwith.ContainerOverride{
			{Name: "a", Args: []string{}, Env: map[string]string{"X": "y"}}, {Name: "b"},
		},
		TaskCount: 3,
		Timeout:   90 * time.Second,
	}
	var got runwith.Overrides
	server := serve(t, &fake{invoke: func(_ context.Context, _ string, o runwith.Overrides) (runwith.Invocation, error) {
		got = o
		return sample(), nil
	}})
	client := runwith.Client{Server: server.URL, HTTPClient: server.Client()}
	invocation, err := client.Run(t.Context(), "test-job", &sent)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sent, got); diff != "" {
		t.Errorf("overrides (-sent +got):\n%s", diff)
	}
	if diff := cmp.Diff(sample(), *invocation); diff != "" {
		t.Errorf("invocation (-want +got):\n%s", diff)
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	forever := func(ctx context.Context, _ string) (runwith.Invocation, error) {
		<-ctx.Done()
		return runwith.Invocation{}, ctx.Err()
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	tests := []struct {
		name    string
		prefer  []string
		wait    func(context.Context, string) (runwith.Invocation, error)
		base    context.Context
		state   runwith.State
		applied string
	}{
		{name: "none", state: runwith.StateRunning},
		{name: "settled", prefer: []string{"wait=10"}, state: runwith.StateSucceeded, applied: "wait=10"},
		{name: "quoted, among others", prefer: []string{`respond-async, WAIT="10"; x=y`}, state: runwith.StateSucceeded, applied: "wait=10"},
		{name: "second header", prefer: []string{"respond-async", "wait=10"}, state: runwith.StateSucceeded, applied: "wait=10"},
		{name: "cut", prefer: []string{"wait=100000"}, state: runwith.StateSucceeded, applied: "wait=300"},
		{name: "malformed", prefer: []string{"wait=soon"}, state: runwith.StateRunning},
		{name: "negative", prefer: []string{"wait=-1"}, state: runwith.StateRunning},
		{name: "over", prefer: []string{"wait=0"}, wait: forever, state: runwith.StateRunning, applied: "wait=0"},
		{name: "stopping", prefer: []string{"wait=300"}, wait: forever, base: stopped, state: runwith.StateRunning, applied: "wait=300"},
	}
	for _, test := range tests {
		for _, method := range []string{"GET", "POST"} {
			t.Run(test.name+" "+method, func(t *testing.T) {
				t.Parallel()
				path, status := "/api/v1/invocations/inv-1", http.StatusOK
				if method == "POST" {
					path, status = "/api/v1/jobs/test-job/invocations", http.StatusAccepted
				}
				server := serveConfig(t, api.Config{Invoker: &fake{wait: test.wait}, Context: test.base})
				var headers []string
				for _, value := range test.prefer {
					headers = append(headers, "Prefer", value)
				}
				got := ask(t, server, method+" "+path, "", headers...)
				var invocation runwith.Invocation
				if err := json.Unmarshal([]byte(got.body), &invocation); err != nil {
					t.Fatal(err)
				}
				applied := got.header.Get("Preference-Applied")
				if got.status != status || invocation.State != test.state || applied != test.applied {
					t.Errorf("%s with Prefer %q = %d %q, Preference-Applied %q, want %d %q, %q", method, test.prefer,
						got.status, invocation.State, applied, status, test.state, test.applied)
				}
			})
		}
	}
}

// The caller learns the ID even if the wait fails.
func TestFailedWaitReturnsTheInvocation(t *testing.T) {
	t.Parallel()
	server := serve(t, &fake{wait: func(context.Context, string) (runwith.Invocation, error) {
		return runwith.Invocation{}, runwith.Errorf(runwith.Internal, "the store is gone")
	}})
	got := ask(t, server, "POST /api/v1/jobs/test-job/invocations", "", "Prefer", "wait=10")
	if got.status != http.StatusAccepted || !strings.Contains(got.body, `"id":"inv-1"`) {
		t.Errorf("POST = %d %s, want 202 and the invocation", got.status, got.body)
	}
}

// deadlines is a ResponseWriter that records read deadlines.
type deadlines struct {
	http.ResponseWriter
	set []time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return nil
}

// A read deadline after the body would cancel the context of a request that waits.
func TestStartSetsNoReadDeadline(t *testing.T) {
	t.Parallel()
	handler := api.New(api.Config{Invoker: &fake{}})
	var got []time.Time
	server := serveHandler(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d := &deadlines{ResponseWriter: w}
		handler.ServeHTTP(d, r)
		got = d.set
	}))
	ask(t, server, "POST /api/v1/jobs/test-job/invocations", "{}")
	for _, at := range got {
		if !at.IsZero() {
			t.Errorf("read deadline = %v, want none", at)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	var got invoker.Filter
	server := serve(t, &fake{invocations: func(f invoker.Filter) ([]runwith.Invocation, string, error) {
		got = f
		if f.PageToken == "last" {
			return nil, "", nil
		}
		return []runwith.Invocation{sample()}, "last", nil
	}})
	a := ask(t, server, "GET /api/v1/invocations?job=test-job&state=running&state=queued&caller=docs&after=2026-11-01T01:00:00%2B01:00&before=2026-12-01T00:00:00.5Z&source=trigger/&rerunOf=inv-0&pageSize=5000&pageToken=t&label=tenant=acme,inc&label=q=a=b", "")
	want := invoker.Filter{Job: "test-job", States: []runwith.State{runwith.StateRunning, runwith.StateQueued}, Caller: "docs", Source: "trigger/", RerunOf: "inv-0",
		After: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Before: time.Date(2026, 12, 1, 0, 0, 0, 5e8, time.UTC), PageSize: 5000, PageToken: "t", Labels: map[string]string{"tenant": "acme,inc", "q": "a=b"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("filter (-want +got):\n%s", diff)
	}
	invocation, err := json.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf(`{"invocations":[%s],"nextPageToken":"last"}`+"\n", invocation); a.status != 200 || a.body != want {
		t.Errorf("page = %d %s, want 200 %s", a.status, a.body, want)
	}
	if a := ask(t, server, "GET /api/v1/invocations?pageToken=last", ""); a.body != `{"invocations":[]}`+"\n" {
		t.Errorf("last page = %s, want no invocations and no token", a.body)
	}
	filter := &runwith.ListOptions{
		Labels: map[string]string{"a": "&=,", "b": ""}, States: want.States, Caller: "a b", RerunOf: "inv-0", Source: "schedule/",
		After: want.After, Before: want.Before.Add(1),
	}
	for i, err := range (&runwith.Client{Server: server.URL}).Invocations(t.Context(), filter) {
		if err != nil || i.ID != "inv-1" {
			t.Errorf("client's page = %v, %v, want inv-1", i, err)
		}
		asked := invoker.Filter{
			Labels: filter.Labels, States: filter.States, Caller: filter.Caller, RerunOf: filter.RerunOf, Source: filter.Source,
			After: filter.After, Before: filter.Before,
		}
		if diff := cmp.Diff(asked, got); diff != "" {
			t.Fatalf("filter (-client +got):\n%s", diff)
		}
		break // the fake repeats its page
	}
}

func TestJobs(t *testing.T) {
	t.Parallel()
	job := runwith.Job{
		Name: "test-job", Resource: "projects/demo/locations/us-east4/jobs/test-job", TaskCount: 1, MaxRetries: 3,
		Timeout: "10m0s", Containers: []runwith.Container{{Image: "test-job", Args: []string{"a"}}},
		Updated: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	server := serve(t, &fake{jobs: func() ([]runwith.Job, error) { return []runwith.Job{job}, nil }})
	client := &runwith.Client{Server: server.URL, HTTPClient: server.Client()}
	got, err := client.Job(t.Context(), "test-job")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&job, got); diff != "" {
		t.Errorf("job (-want +got):\n%s", diff)
	}
	count := 0
	for got, err := range client.Jobs(t.Context()) {
		count++
		if diff := cmp.Diff(&job, got); diff != "" || err != nil {
			t.Errorf("jobs: %v (-want +got):\n%s", err, diff)
		}
	}
	if count != 1 {
		t.Errorf("%d jobs, want 1", count)
	}
	if _, err := client.Job(t.Context(), "other"); runwith.CodeOf(err) != runwith.NotFound {
		t.Errorf("job other: %v, want NOT_FOUND", err)
	}
	if a := ask(t, serve(t, &fake{}), "GET /api/v1/jobs", ""); a.body != `{"jobs":[]}`+"\n" {
		t.Errorf("no jobs = %s, want an empty list", a.body)
	}
}
