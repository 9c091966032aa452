package api_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/guard"
	"github.com/runwith/runwith/internal/invoker/api"
)

const startPath = "/api/v1/jobs/test-job/invocations"

func TestInvalidBodies(t *testing.T) {
	t.Parallel()
	server := serve(t, &fake{})
	manyLabels := `{"labels":{"z":""`
	for i := range 16 {
		manyLabels += fmt.Sprintf(`,"l%d":""`, i)
	}
	manyLabels += "}}"
	tests := []struct {
		body      string
		locations []string
		message   string // of the first fault, in part
	}{
		{`{"taskCount":0}`, []string{"body.taskCount"}, ">= 1"},
		{`{"taskCount":-1}`, []string{"body.taskCount"}, ">= 1"},
		{`{"taskCount":10001}`, []string{"body.taskCount"}, "<= 10000"},
		{`{"taskCount":1e30}`, []string{"body.taskCount"}, "<= 10000"},
		{`{"taskCount":1.5}`, []string{"body.taskCount"}, "integer"},
		{`{"taskCount":1.0}`, []string{"body"}, "taskCount cannot be number 1.0"},
		{`{"taskCount":1e999}`, []string{"body"}, `is too large: it must be below 1e308`},
		{`{"taskCount":"1"}`, []string{"body.taskCount"}, "integer"},
		{`{"timeout":"10"}`, []string{"body.timeout"}, "whole seconds"},
		{`{"timeout":"1.5s"}`, []string{"body.timeout"}, "whole seconds"},
		{`{"timeout":"-10s"}`, []string{"body.timeout"}, "positive"},
		{`{"timeout":"0s"}`, []string{"body.timeout"}, "positive"},
		{`{"timeout":10}`, []string{"body.timeout"}, "string"},
		{`{"args":"a"}`, []string{"body.args"}, "array"},
		{`{"args":["a",1]}`, []string{"body.args[1]"}, "string"},
		{`{"env":{"A":1}}`, []string{"body.env.A"}, "string"},
		{`{"env":{"A":null}}`, []string{"body.env.A"}, "string"},
		{`{"containers":[{"args":[]}]}`, []string{"body.containers[0]"}, "name"},
		{`{"containers":[{"name":"a","image":"b"}]}`, []string{"body.containers[0].image"}, "is not a field of this object (its fields: args, env, name)"},
		{`{"containers":[{"Name":"a"}]}`, []string{"body.containers[0].Name"}, "did you mean name?"},
		{`{"parameters":{"a":null}}`, []string{"body.parameters.a"}, "must be a string, a number or a boolean"},
		{`{"parameters":{"a":["x"],"b":{}}}`, []string{"body.parameters.a", "body.parameters.b"}, "must be a string, a number or a boolean"},
		{`{"parameters":["x"]}`, []string{"body.parameters"}, "object"},
		{`{"parameters":{"n":1e999}}`, []string{"body"}, `is too large: it must be below 1e308`},
		{`{"parameters":{"a":1,"a":2}}`, []string{"body"}, `"a" occurs twice`},
		{`{"labels":{"a":1}}`, []string{"body.labels.a"}, "string"},
		{`{"labels":{"a":"1","a":"2"}}`, []string{"body"}, `"a" occurs twice`},
		{manyLabels, []string{"body.labels"}, "16"},
		{`{"callback":{"url":"x","secret":"y"}}`, []string{"body.callback.secret"}, "is not a field"},
		{`{"callback":{}}`, []string{"body.callback"}, "url"},
		{`{"callback":"https://a.example"}`, []string{"body.callback"}, "object"},
		{`{"parameter":{}}`, []string{"body.parameter"}, "did you mean parameters?"},
		{`{"taskcount":1}`, []string{"body.taskcount"}, "is not a field of this object, did you mean taskCount?"},
		{`{"Args":["a"]}`, []string{"body.Args"}, "did you mean args?"},
		{`{"task_count":1}`, []string{"body.task_count"}, "did you mean taskCount?"},
		{`{"zeta":1,"taskCount":0,"alpha":2}`, []string{"body.alpha", "body.taskCount", "body.zeta"}, "is not a field"},
		{`[]`, []string{"body"}, "object"},
		{`null`, []string{"body"}, "object"},
		{`"x"`, []string{"body"}, "object"},
		{` `, []string{"body"}, "line 1, column 1"},
		{`{"args":["a",]}`, []string{"body"}, "line 1, column 14"},
		{"{\n  \"env\": {\n    \"Ä\": x}}", []string{"body"}, "line 3, column 10"},
		{"{\n", []string{"body"}, "line 1, column 2"},
		{`{} {}`, []string{"body"}, "line 1, column 4"},
		{"{\"args\":[\"\xff\"]}", []string{"body"}, "line 1, column 11: not UTF-8"},
		{`{"args":["\ud800"]}`, []string{"body"}, "line 1, column 11: a single surrogate"},
		{`{"args":["\ud83d\ude00\udc00"]}`, []string{"body"}, "line 1, column 23: a single surrogate"},
		{`{"env":{"\udc00":"1"}}`, []string{"body"}, "line 1, column 10: a single surrogate"},
		{`{"args":["a"],"args":["b"]}`, []string{"body"}, `"args" occurs twice, again at line 1, column 20`},
		{`{"args":["a"],"Args":["b"]}`, []string{"body"}, `"Args" occurs twice`},
		{`{"env":{"A":"1","A":"2"}}`, []string{"body"}, `"A" occurs twice`},
		{`{"containers":[{"name":"a","env":{"A":"1","A":"2"}}]}`, []string{"body"}, `"A" occurs twice`},
	}
	for _, test := range tests {
		got := ask(t, server, "POST "+startPath, test.body)
		p := got.problem(t)
		status := http.StatusBadRequest
		if strings.HasPrefix(test.locations[0], "body.parameters.") {
			status = http.StatusUnprocessableEntity
		}
		if got.status != status || p.Code != "INVALID_ARGUMENT" {
			t.Errorf("POST %s = %d %s, want %d INVALID_ARGUMENT", test.body, got.status, p.Code, status)
		}
		if diff := cmp.Diff(test.locations, p.faults()); diff != "" {
			t.Errorf("faults of %s (-want +got):\n%s", test.body, diff)
			continue
		}
		if got := p.Errors[0].Message; !strings.Contains(got, test.message) {
			t.Errorf("POST %s: message %q, want %q in it", test.body, got, test.message)
		}
	}
}

func TestInvalidParameters(t *testing.T) {
	t.Parallel()
	server := serve(t, &fake{})
	tests := []struct{ method, path, location string }{
		{"POST", "/api/v1/jobs/Bad_Name/invocations", "path.job"},
		{"POST", "/api/v1/jobs/a%2Fb/invocations", "path.job"},
		{"GET", "/api/v1/jobs/" + strings.Repeat("a", 64), "path.job"},
		{"GET", "/api/v1/invocations?state=gone", "query.state[0]"},
		{"GET", "/api/v1/invocations?pageSize=-1", "query.pageSize"},
		{"GET", "/api/v1/invocations?pageSize=many", "query.pageSize"},
		{"GET", "/api/v1/invocations?jobs=a", "query.jobs"},
		{"GET", "/api/v1/invocations/inv-1/logs?follow=maybe", "query.follow"},
		{"POST", startPath + "?validate=true", "query.validate"},
		{"GET", "/api/v1/invocations?pageSize=1&pageSize=2", "query.pageSize"},
		{"GET", "/api/v1/invocations?job=a&job=a", "query.job"},
		{"GET", "/api/v1/invocations?label=tenant", "query.label"},
		{"GET", "/api/v1/invocations?label==acme", "query.label"},
		{"GET", "/api/v1/invocations?label=a=1&label=a=2", "query.label"},
		{"GET", "/api/v1/invocations/inv-1/logs?follow=true&follow=false", "query.follow"},
	}
	for _, test := range tests {
		got := ask(t, server, test.method+" "+test.path, "")
		p := got.problem(t)
		call := test.method + " " + test.path
		if got.status != 400 {
			t.Errorf("%s: status = %d, want 400", call, got.status)
		}
		if p.Code != "INVALID_ARGUMENT" {
			t.Errorf("%s: code = %s, want INVALID_ARGUMENT", call, p.Code)
		}
		if len(p.Errors) != 1 {
			t.Errorf("%s = %s, want one fault", call, got.body)
			continue
		}
		if location := p.Errors[0].Location; location != test.location {
			t.Errorf("%s: location of the fault = %s, want %s", call, location, test.location)
		}
	}
}

// Nothing of a request is ignored: neither a body that an operation does not have, nor a
// header that means another method.
func TestNothingIsIgnored(t *testing.T) {
	t.Parallel()
	server := serve(t, &fake{cancel: func(string) (runwith.Invocation, error) { return sample(), nil }})
	for _, test := range []struct {
		request, body string
		header        []string
		says          string
	}{
		{"POST /api/v1/invocations/inv-1/cancel", `{"reason":"x"}`, nil, "this operation takes none"},
		{"POST /api/v1/invocations/inv-1/cancel", "", []string{"X-HTTP-Method-Override", "GET"}, "X-HTTP-Method-Override: is not served"},
		{"POST " + startPath, "{}", []string{"X-HTTP-Method-Override", "GET"}, "X-HTTP-Method-Override: is not served"},
	} {
		if got := ask(t, server, test.request, test.body, test.header...); got.status != 400 || !strings.Contains(got.body, test.says) {
			t.Errorf("%s %s with %q = %d %s, want 400 that says %q", test.request, test.body, test.header, got.status, got.body, test.says)
		}
	}
	if got := ask(t, server, "POST /api/v1/invocations/inv-1/cancel", "{}"); got.status != http.StatusAccepted {
		t.Errorf("cancel with an empty object = %d %s, want it accepted", got.status, got.body)
	}
}

func TestManyFaults(t *testing.T) {
	t.Parallel()
	body := `{"args":[1` + strings.Repeat(",1", 999) + `]}`
	got := ask(t, serve(t, &fake{}), "POST "+startPath, body)
	if p := got.problem(t); len(p.Errors) != 100 || !strings.Contains(p.Detail, "100 of 1000") {
		t.Errorf("POST with 1000 faults lists %d, and says %q, want 100, and that there are 1000", len(p.Errors), p.Detail)
	}
}

// Faults name fields but not their values, which may be secrets.
func TestFaultsShowNoValues(t *testing.T) {
	t.Parallel()
	server := serve(t, &fake{})
	for _, body := range []string{
		`{"env":{"A":"secret","B":1}}`,
		`{"env":{"A":"secret"},"unknown":"secret"}`,
		`{"env":{"A":"secret"},"args":"secret"}`,
		`{"env":{"A":"secret"},"timeout":"secret"}`,
		`{"env":{"A":"secret"},"taskCount":1.0}`,
	} {
		if got := ask(t, server, "POST "+startPath, body); got.status != 400 || strings.Contains(got.body, "secret") {
			t.Errorf("POST %s = %d %s, want 400 without the value", body, got.status, got.body)
		}
	}
}

func TestContentType(t *testing.T) {
	t.Parallel()
	server := serve(t, &fake{})
	tests := []struct {
		contentType string
		status      int
	}{
		{"application/json", 202},
		{"application/json; charset=utf-8", 202},
		{"application/json; charset=utf-16", 415},
		{"application/octet-stream", 202}, // of Cloud Scheduler
		{"multipart/mixed; boundary=x", 415},
		{"text/plain", 415},
		{"application/x-www-form-urlencoded", 415},
		{"application/problem+json", 415},
		{"application/json; =", 415},
		{"", 415},
	}
	for _, test := range tests {
		got := ask(t, server, "POST "+startPath, "{}", "Content-Type", "", "Content-Type", test.contentType)
		if got.status != test.status {
			t.Errorf("POST as %q = %d %s, want %d", test.contentType, got.status, got.body, test.status)
		}
		if got.status == 415 && got.problem(t).Code != "INVALID_ARGUMENT" {
			t.Errorf("POST as %q = %s, want INVALID_ARGUMENT", test.contentType, got.body)
		}
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	handler := api.New(api.Config{Invoker: &fake{}})
	g, err := guard.New(guard.Config{})
	if err != nil {
		t.Fatal(err)
	}
	const limit = 1 << 20
	largest := `{"args":["` + strings.Repeat("a", limit-len(`{"args":[""]}`)) + `"]}`
	for name, h := range map[string]http.Handler{"bare": handler, "guarded": g.Wrap(handler)} {
		server := serveHandler(t, h)
		if got := ask(t, server, "POST "+startPath, largest); got.status != http.StatusAccepted {
			t.Errorf("%s: POST of 1 MiB = %d %s, want 202", name, got.status, got.body)
		}
		// Without a length, so that it is found out while the body is read.
		r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+startPath, io.MultiReader(strings.NewReader(largest+" ")))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		got := do(t, server, r)
		if p := got.problem(t); got.status != http.StatusRequestEntityTooLarge || p.Code != "INVALID_ARGUMENT" || !strings.Contains(p.Detail, "1048576") {
			t.Errorf("%s: POST of 1 MiB and a byte = %d %s, want 413 INVALID_ARGUMENT and the limit", name, got.status, got.body)
		}
	}
}

// TestJobsOwnLimit checks that a job may limit its bodies below the server's limit.
func TestJobsOwnLimit(t *testing.T) {
	t.Parallel()
	server := serveConfig(t, api.Config{Invoker: &fake{}, MaxBody: func(_ context.Context, job string) int {
		return map[string]int{"small": 64, "large": 1 << 30}[job]
	}})
	body := `{"args":["` + strings.Repeat("a", 100) + `"]}`
	for job, want := range map[string]int{"small": 413, "large": 202, "test-job": 202} {
		if got := ask(t, server, "POST /api/v1/jobs/"+job+"/invocations", body); got.status != want {
			t.Errorf("POST of 111 bytes to job %s = %d %s, want %d", job, got.status, got.body, want)
		}
	}
}

func serveHandler(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server
}

func FuzzStart(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `[]`, `{"args":[]}`, `{"args":["a",]}`, `{"env":{"A":"1","A":"2"}}`, `{"timeout":"10s","taskCount":1}`,
		`{"containers":[{"name":"a","env":{"B":""}}]}`, `{"taskCount":1e999}`, "{\"args\":[\"\xff\"]}", `{"a":{"b":[{"c":{}}]}}`, "{\n\n",
	} {
		f.Add(seed)
	}
	handler := api.New(api.Config{Invoker: &fake{}})
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequestWithContext(t.Context(), "POST", startPath, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		switch got := (answer{w.Code, w.Header(), w.Body.String()}); got.status {
		case http.StatusAccepted:
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
			got.problem(t)
		default:
			t.Errorf("POST %q = %d %s, want 202, 400 or 413", body, got.status, got.body)
		}
	})
}

// TestMissingBody sends no body to each operation that requires one.
func TestMissingBody(t *testing.T) {
	t.Parallel()
	server := serveConfig(t, api.Config{Invoker: &fake{}, Schedules: struct{ api.Schedules }{}})
	for route, want := range map[string]string{
		"POST /api/v1/invocations/inv-1/resolve":       "is required: send decision",
		"PUT /api/v1/schedules/nightly":                "is required: send cron and job",
		"POST /api/v1/jobs/test-job/invocations:batch": "is required: send items",
	} {
		got := ask(t, server, route, "")
		if diff := cmp.Diff([]string{"body"}, got.problem(t).faults()); diff != "" {
			t.Errorf("%s: faults (-want +got):\n%s", route, diff)
		}
		if got.status != http.StatusBadRequest || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %s, want 400 with %q", route, got.status, got.body, want)
		}
		for _, body := range []string{"null", "{}", " "} {
			if got := ask(t, server, route, body); got.status != http.StatusBadRequest || len(got.problem(t).Errors) == 0 {
				t.Errorf("%s with %q: %d %s, want 400 with errors", route, body, got.status, got.body)
			}
		}
	}
}
