package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/api"
	"github.com/runwith/runwith/internal/jobspec"
)

// problem is an error as a client sees it.
type problem struct {
	Title  string
	Status int
	Code   string
	Detail string
	Errors []struct{ Location, Message string }
}

// problem returns the problem in an answer, and checks that it has the answer's status.
func (a answer) problem(t *testing.T) problem {
	t.Helper()
	var p problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type = %q, want application/problem+json", got)
	}
	if p.Status != a.status {
		t.Errorf("status in the problem = %d, want that of the answer, %d", p.Status, a.status)
	}
	if p.Title == "" {
		t.Errorf("problem %s has no title", a.body)
	}
	if p.Detail == "" {
		t.Errorf("problem %s has no detail", a.body)
	}
	if _, ok := runwith.ParseCode(p.Code); !ok {
		t.Errorf("problem has code %q, want a canonical one", p.Code)
	}
	return p
}

// faults returns the locations of a problem's errors.
func (p problem) faults() []string {
	var locations []string
	for _, e := range p.Errors {
		locations = append(locations, e.Location)
	}
	return locations
}

// TestCodes sends every code from the invoker through the API to the client.
func TestCodes(t *testing.T) {
	t.Parallel()
	for code := runwith.Canceled; code <= runwith.Unauthenticated; code++ {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			sent := &runwith.Error{Code: code, Message: "message of " + code.String(), Err: errors.New("a secret")}
			server := serve(t, &fake{invocation: func(context.Context, string) (runwith.Invocation, error) {
				return runwith.Invocation{}, fmt.Errorf("read invocation: %w", sent)
			}})
			answer := ask(t, server, "GET /api/v1/invocations/inv-1", "")
			if p := answer.problem(t); answer.status != code.HTTPStatus() || p.Code != code.String() {
				t.Errorf("answer = %d %s, want %d %v", answer.status, p.Code, code.HTTPStatus(), code)
			}
			if strings.Contains(answer.body, "secret") {
				t.Errorf("answer shows the cause: %s", answer.body)
			}
			client := runwith.Client{Server: server.URL, HTTPClient: server.Client()}
			_, err := client.Invocation(t.Context(), "inv-1")
			if got := runwith.CodeOf(err); got != code || err.Error() != sent.Message {
				t.Errorf("client's error = %v %q, want %v %q", got, err, code, sent.Message)
			}
		})
	}
}

// Each field that the invoker finds wrong has an entry with its place in the request.
func TestFaultsOfTheInvoker(t *testing.T) {
	t.Parallel()
	wrong := func(field string) error { return jobspec.FieldErrorf(runwith.InvalidArgument, field, "is wrong") }
	for field, want := range map[string]string{"env.PORT": "body.env.PORT", "Idempotency-Key": "header.Idempotency-Key"} {
		got := ask(t, serve(t, &fake{request: func(invoker.Request) (runwith.Invocation, bool, error) {
			return runwith.Invocation{}, false, wrong(field)
		}}), "POST /api/v1/jobs/test-job/invocations", "{}")
		if p := got.problem(t); got.status != 400 || !slices.Equal(p.faults(), []string{want}) || p.Errors[0].Message != "is wrong" {
			t.Errorf("answer about %s = %d %s, want 400 with an entry for %s", field, got.status, got.body, want)
		}
	}
	got := ask(t, serve(t, &fake{invocations: func(invoker.Filter) ([]runwith.Invocation, string, error) {
		return nil, "", wrong("pageToken")
	}}), "GET /api/v1/invocations", "")
	if p := got.problem(t); got.status != 400 || !slices.Equal(p.faults(), []string{"query.pageToken"}) {
		t.Errorf("answer about the page token = %d %s, want 400 with an entry for query.pageToken", got.status, got.body)
	}
	got = ask(t, serve(t, logging(linesThen(wrong("task")))), "GET "+logsPath, "")
	if p := got.problem(t); got.status != 400 || !slices.Equal(p.faults(), []string{"query.task"}) {
		t.Errorf("answer about the task = %d %s, want 400 with an entry for query.task", got.status, got.body)
	}
}

// TestRefusedByPolicy checks the answers about parameters and forbidden overrides.
func TestRefusedByPolicy(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		code   runwith.Code
		cause  error
		status int
	}{"parameters": {runwith.InvalidArgument, cause.Parameters, 422}, "overrides": {runwith.PermissionDenied, nil, 403}} {
		var v jobspec.Violations
		v.Root().Field("b").Addf("is wrong")
		v.Root().Field("a").Addf("is wrong too")
		err := v.ErrAs(test.code, test.cause)
		got := ask(t, serve(t, &fake{request: func(invoker.Request) (runwith.Invocation, bool, error) {
			return runwith.Invocation{}, false, err
		}}), "POST /api/v1/jobs/test-job/invocations", "{}")
		if p := got.problem(t); got.status != test.status || p.Code != test.code.String() || !slices.Equal(p.faults(), []string{"body.b", "body.a"}) {
			t.Errorf("%s: answer = %d %s, want %d with an entry for each field", name, got.status, got.body, test.status)
		}
	}
	got := ask(t, serve(t, &fake{}), "POST /api/v1/jobs/test-job/invocations", `{"parameters":{"a":{},"b":[1],"c":null}}`)
	if p := got.problem(t); got.status != 422 || !slices.Equal(p.faults(), []string{"body.parameters.a", "body.parameters.b", "body.parameters.c"}) {
		t.Errorf("answer about parameters of no type = %d %s, want 422 with an entry for each", got.status, got.body)
	}
}

func TestUnknownErrorIsOnlyLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	server := serveConfig(t, api.Config{
		Invoker: &fake{invocation: func(context.Context, string) (runwith.Invocation, error) {
			return runwith.Invocation{}, errors.New("a secret")
		}},
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	answer := ask(t, server, "GET /api/v1/invocations/inv-1", "")
	p := answer.problem(t)
	if p.Code != "INTERNAL" {
		t.Errorf("code = %s, want INTERNAL", p.Code)
	}
	if !strings.HasPrefix(p.Detail, "internal error") {
		t.Errorf("detail = %q, want internal error in front", p.Detail)
	}
	if strings.Contains(answer.body, "secret") {
		t.Errorf("answer = %s, want it without the cause", answer.body)
	}
	server.Close() // the log is written
	if !strings.Contains(log.String(), "a secret") {
		t.Errorf("log = %q, want the cause in it", log.String())
	}
}

// The value of a field with a format is not in the error, because it may hold a secret.
func TestFormatErrorHasNoValue(t *testing.T) {
	t.Parallel()
	got := ask(t, serve(t, &fake{}), "POST /api/v1/jobs/test-job/invocations", `{"callback":{"url":"https://127.0.0.1:canary/"}}`)
	if p := got.problem(t); got.status != 400 || !slices.Equal(p.faults(), []string{"body.callback.url"}) || strings.Contains(got.body, "canary") {
		t.Errorf("answer = %d %s, want a fault of body.callback.url without its value", got.status, got.body)
	}
}

// TestInvalidTimes checks that each time of a request has the same fault, without Go's layout.
func TestInvalidTimes(t *testing.T) {
	t.Parallel()
	server := serve(t, &fake{})
	for _, test := range []struct{ route, body, location string }{
		{"GET /api/v1/invocations?after=2026", "", "query.after"},
		{"GET /api/v1/invocations?before=yesterday", "", "query.before"},
		{"POST " + startPath, `{"startAt":"tomorrow"}`, "body.startAt"},
		{"POST " + startPath, `{"startAt":"2026-12-01"}`, "body.startAt"},
		{"POST /api/v1/invocations/inv-1:rerun", `{"startAt":"2026-12-01T02:00:00"}`, "body.startAt"},
	} {
		got := ask(t, server, test.route, test.body)
		p := got.problem(t)
		if diff := cmp.Diff([]string{test.location}, p.faults()); diff != "" {
			t.Errorf("%s %s: faults (-want +got):\n%s", test.route, test.body, diff)
			continue
		}
		if want := "must be a time in RFC 3339, such as 2026-12-01T02:00:00Z"; !strings.HasSuffix(p.Errors[0].Message, want) {
			t.Errorf("%s %s: message %q, want %q", test.route, test.body, p.Errors[0].Message, want)
		}
	}
}
