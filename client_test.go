package runwith_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
)

// setup starts a server with the handler and returns a client for it.
func setup(t *testing.T, handle http.HandlerFunc) *runwith.Client {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return &runwith.Client{Server: server.URL, HTTPClient: server.Client()}
}

// answerWith returns a handler that always gives the same answer.
func answerWith(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestClientRun(t *testing.T) {
	t.Parallel()
	tests := []struct {
		overrides *runwith.Overrides
		body      string
	}{
		{nil, `{}`},
		{&runwith.Overrides{}, `{}`},
		{&runwith.Overrides{Args: []string{}, TaskCount: 2, Timeout: 90 * time.Second}, `{"args":[],"taskCount":2,"timeout":"1m30s"}`},
	}
	for _, test := range tests {
		var got string
		client := setup(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got = fmt.Sprintf("%s %s %s %s", r.Method, r.URL.EscapedPath(), r.Header.Get("Content-Type"), body)
			answerWith(http.StatusAccepted, "application/json", `{"id":"inv-1","state":"accepted"}`)(w, r)
		})
		client.Server += "/" // a trailing slash is ignored
		invocation, err := client.Run(t.Context(), "a/b c", test.overrides)
		if err != nil {
			t.Fatal(err)
		}
		if want := "POST /api/v1/jobs/a%2Fb%20c/invocations application/json " + test.body; got != want {
			t.Errorf("Run(%+v) sends %s, want %s", test.overrides, got, want)
		}
		if invocation.ID != "inv-1" || invocation.State != runwith.StateAccepted {
			t.Errorf("Run(%+v) = %+v, want inv-1, accepted", test.overrides, invocation)
		}
	}
}

func TestClientInvocations(t *testing.T) {
	t.Parallel()
	var asked []string
	client := setup(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RawQuery)
		switch r.URL.Query().Get("pageToken") {
		case "":
			fmt.Fprint(w, `{"invocations":[{"id":"3"},{"id":"2"}],"nextPageToken":"a&b"}`)
		case "a&b":
			fmt.Fprint(w, `{"invocations":[{"id":"1"}],"nextPageToken":"c"}`)
		default:
			answerWith(503, "application/problem+json", `{"code":"UNAVAILABLE","detail":"later"}`)(w, r)
		}
	})
	var got []string
	for invocation, err := range client.Invocations(t.Context(), &runwith.ListOptions{Job: "j", States: []runwith.State{runwith.StateFailed}, PageSize: 2}) {
		if err != nil {
			got = append(got, err.Error())
			continue
		}
		got = append(got, invocation.ID)
	}
	if diff := cmp.Diff([]string{"3", "2", "1", "later"}, got); diff != "" {
		t.Errorf("Invocations (-want +got):\n%s", diff)
	}
	const query = "job=j&pageSize=2&state=failed"
	want := []string{query, "job=j&pageSize=2&pageToken=a%26b&state=failed", "job=j&pageSize=2&pageToken=c&state=failed"}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("queries (-want +got):\n%s", diff)
	}

	asked = nil
	for range client.Invocations(t.Context(), nil) {
		break
	}
	if diff := cmp.Diff([]string{""}, asked); diff != "" {
		t.Errorf("queries of a loop that breaks (-want +got):\n%s", diff)
	}
}

// calls are all methods that take a name, as functions of the name.
func calls(c *runwith.Client) map[string]func(context.Context, string) error {
	return map[string]func(context.Context, string) error{
		"Start":      func(ctx context.Context, s string) error { _, err := c.Start(ctx, s, "k", nil); return err },
		"Run":        func(ctx context.Context, s string) error { _, err := c.Run(ctx, s, nil); return err },
		"Cancel":     func(ctx context.Context, s string) error { _, err := c.Cancel(ctx, s); return err },
		"Resolve":    func(ctx context.Context, s string) error { _, err := c.Resolve(ctx, s, runwith.Retry); return err },
		"Invocation": func(ctx context.Context, s string) error { _, err := c.Invocation(ctx, s); return err },
		"Wait":       func(ctx context.Context, s string) error { _, err := c.Wait(ctx, s); return err },
		"Job":        func(ctx context.Context, s string) error { _, err := c.Job(ctx, s); return err },
		"Logs": func(ctx context.Context, s string) error {
			for _, err := range c.Logs(ctx, s, nil) {
				return err
			}
			return nil
		},
	}
}

func TestClientNames(t *testing.T) {
	t.Parallel()
	client := setup(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("request for %s, want none", r.URL) })
	for call, do := range calls(client) {
		for _, name := range []string{"", ".", ".."} {
			if err := do(t.Context(), name); runwith.CodeOf(err) != runwith.InvalidArgument {
				t.Errorf("%s(%q): %v, want INVALID_ARGUMENT", call, name, err)
			}
		}
	}
}

func TestClientErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		handle  http.HandlerFunc
		code    runwith.Code
		message string // in part
	}{
		{
			"problem", answerWith(400, "application/problem+json", `{"code":"FAILED_PRECONDITION","detail":"not now"}`),
			runwith.FailedPrecondition, "not now",
		},
		{
			"problem with faults", answerWith(400, "application/problem+json; charset=utf-8",
				`{"code":"INVALID_ARGUMENT","detail":"not valid","errors":[{"location":"body.a","message":"no"},{"message":"neither"}]}`),
			runwith.InvalidArgument, "not valid: a: no; neither",
		},
		{
			"detail with the faults", answerWith(422, "application/problem+json",
				`{"code":"INVALID_ARGUMENT","detail":"a: no; b: no","errors":[{"location":"body.a","message":"no"},{"location":"body.b","message":"no"}]}`),
			runwith.InvalidArgument, "a: no; b: no",
		},
		{"unknown code", answerWith(409, "application/problem+json", `{"code":"NEW","detail":"new"}`), runwith.Aborted, "new"},
		{"code OK", answerWith(404, "application/problem+json", `{"code":"OK","detail":"odd"}`), runwith.NotFound, "odd"},
		{"truncated problem", answerWith(429, "application/problem+json", `{"code":`), runwith.ResourceExhausted, "answered 429"},
		{"page of a proxy", answerWith(502, "text/html", `<h1>Bad Gateway</h1>`), runwith.Unavailable, "answered 502 Bad Gateway"},
		{"another program", answerWith(404, "text/plain", `404 page not found`), runwith.NotFound, "is it a runwith invoker?"},
		{
			"engine", answerWith(404, "application/json; charset=UTF-8", `{"error":{"code":404,"message":"no API method","status":"NOT_FOUND"}}`),
			runwith.Unimplemented, "is an engine, not an invoker: start runwith up instead, or runwith serve --endpoint http://",
		},
		{
			"engine that requires a token", answerWith(401, "application/json; charset=UTF-8", `{"error":{"code":401,"status":"UNAUTHENTICATED"}}`),
			runwith.Unimplemented, "is an engine, not an invoker",
		},
		{"JSON of another program", answerWith(404, "application/json", `{"error":"gone"}`), runwith.NotFound, "is it a runwith invoker?"},
		{"IAM", answerWith(403, "text/html", `<h1>Forbidden</h1>`), runwith.PermissionDenied, "may need another credential"},
		{"page with status 200", answerWith(200, "text/html", `<h1>Welcome</h1>`), runwith.Unimplemented, "did not answer with JSON"},
		{"truncated body", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"id":`)
		}, runwith.Unavailable, "no complete answer"},
		{"closed connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, runwith.Unavailable, "no complete answer"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := setup(t, test.handle).Invocation(t.Context(), "inv-1")
			e, ok := errors.AsType[*runwith.Error](err)
			if !ok || e.Code != test.code || !strings.Contains(e.Message, test.message) {
				t.Errorf("error = %v %v, want %v %q", runwith.CodeOf(err), err, test.code, test.message)
			}
		})
	}
}

// TestClientRunRepeatsItsKey checks that Run and RunOnce retry with the same key when
// the connection breaks, and that the final error advises to repeat the key.
func TestClientRunRepeatsItsKey(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	keys := map[string]int{}
	client := setup(t, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		keys[r.Header.Get("Idempotency-Key")]++
		mu.Unlock()
		panic(http.ErrAbortHandler)
	})
	synctest.Test(t, func(t *testing.T) {
		_, err := client.Run(t.Context(), "test-job", nil)
		if runwith.CodeOf(err) != runwith.Unavailable || !strings.Contains(err.Error(), "same key") {
			t.Errorf("Run = %v, want UNAVAILABLE with the advice to use the same key", err)
		}
		if _, err := client.RunOnce(t.Context(), "test-job", `order "7" \`, nil); runwith.CodeOf(err) != runwith.Unavailable {
			t.Errorf("RunOnce = %v, want UNAVAILABLE", err)
		}
	})
	mu.Lock()
	defer mu.Unlock()
	if own := `"order \"7\" \\"`; len(keys) != 2 || keys[own] < 2 || keys[""] > 0 {
		t.Errorf("keys by number of requests = %v, want %s at least twice, and one random key", keys, own)
	}
}

// TestClientRunRetries checks which answers Run retries, and how often.
func TestClientRunRetries(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		lines []string
		want  runwith.Code
		sent  int
	}{
		{[]string{"accepted"}, runwith.OK, 1},
		{[]string{"502", "UNAVAILABLE", "RESOURCE_EXHAUSTED", "accepted"}, runwith.OK, 4},
		{[]string{"UNAVAILABLE"}, runwith.Unavailable, 6},
		{[]string{"NOT_FOUND"}, runwith.NotFound, 1},
		{[]string{"ABORTED"}, runwith.Aborted, 1},
		{[]string{"ALREADY_EXISTS"}, runwith.AlreadyExists, 1},
		{[]string{"503", "INVALID_ARGUMENT"}, runwith.InvalidArgument, 2},
	} {
		t.Run(strings.Join(test.lines, ","), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, asked := script(test.lines...)
				_, err := client.Run(t.Context(), "test-job", nil)
				if runwith.CodeOf(err) != test.want || len(*asked) != test.sent {
					t.Errorf("Run = %v after %d requests, want %v after %d", err, len(*asked), test.want, test.sent)
				}
			})
		})
	}
}

// TestClientRetryAfter checks that the client obeys Retry-After and calls Retrying.
func TestClientRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began, asked := time.Now(), 0
		client := &runwith.Client{HTTPClient: &http.Client{Transport: handlerTransport{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asked++; asked == 1 {
				w.Header().Set("Retry-After", "20")
				answerWith(503, "application/problem+json", `{"code":"UNAVAILABLE"}`)(w, r)
				return
			}
			answerWith(202, "application/json", `{"id":"inv-1","state":"accepted"}`)(w, r)
		})}}}
		var told []error
		client.Retrying = func(err error) { told = append(told, err) }
		_, err := client.Run(t.Context(), "test-job", nil)
		if took := time.Since(began); err != nil || took < 20*time.Second || took > 25*time.Second {
			t.Errorf("Run = %v after %v, want success after 20 to 25 s", err, took)
		}
		if len(told) != 1 || runwith.CodeOf(told[0]) != runwith.Unavailable {
			t.Errorf("Retrying was called with %v, want UNAVAILABLE once", told)
		}
	})
}

// TestClientGivesUp checks that the client does not repeat what the server refuses for days.
func TestClientGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began, asked := time.Now(), 0
		client := &runwith.Client{HTTPClient: &http.Client{Transport: handlerTransport{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked++
			w.Header().Set("Retry-After", "190130")
			answerWith(429, "application/problem+json", `{"code":"RESOURCE_EXHAUSTED"}`)(w, r)
		})}}}
		_, err := client.Run(t.Context(), "test-job", nil)
		if runwith.CodeOf(err) != runwith.ResourceExhausted || asked != 1 || time.Since(began) > 0 {
			t.Errorf("Run = %v after %d requests and %v, want RESOURCE_EXHAUSTED at once", err, asked, time.Since(began))
		}
	})
}

// TestClientDecisions checks the requests of Cancel and Resolve.
func TestClientDecisions(t *testing.T) {
	t.Parallel()
	var got []string
	client := setup(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, fmt.Sprintf("%s %s %s", r.Method, r.URL.Path, body))
		answerWith(http.StatusAccepted, "application/json", `{"id":"inv-1","state":"cancelled"}`)(w, r)
	})
	if i, err := client.Cancel(t.Context(), "inv-1"); err != nil || i.State != runwith.StateCancelled {
		t.Errorf("Cancel = %+v, %v", i, err)
	}
	if _, err := client.Resolve(t.Context(), "inv-1", runwith.Leave); err != nil {
		t.Errorf("Resolve = %v", err)
	}
	want := []string{"POST /api/v1/invocations/inv-1/cancel ", `POST /api/v1/invocations/inv-1/resolve {"decision":"leave"}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestClientUnreachable(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	client := &runwith.Client{Server: server.URL, HTTPClient: server.Client()}
	synctest.Test(t, func(t *testing.T) {
		_, err := client.Run(t.Context(), "test-job", nil)
		if runwith.CodeOf(err) != runwith.Unavailable {
			t.Errorf("code = %v, want UNAVAILABLE", runwith.CodeOf(err))
		}
		for _, want := range []string{server.URL, "refused", "`runwith up`", "--server"} {
			if !strings.Contains(fmt.Sprint(err), want) {
				t.Errorf("error %q, want %q in it", err, want)
			}
		}
	})
	for _, server := range []string{"localhost:8080", "ftp://localhost", "http://", "://"} {
		client := &runwith.Client{Server: server}
		if _, err := client.Invocation(t.Context(), "inv-1"); runwith.CodeOf(err) != runwith.InvalidArgument || !strings.Contains(err.Error(), server) {
			t.Errorf("server %q: %v, want INVALID_ARGUMENT with its URL", server, err)
		}
	}
}

func TestClientContext(t *testing.T) {
	t.Parallel()
	client := setup(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	for call, do := range calls(client) {
		if err := do(cancelled, "a"); runwith.CodeOf(err) != runwith.Canceled || !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context: %v %v, want CANCELLED", call, runwith.CodeOf(err), err)
		}
		if err := do(late, "a"); runwith.CodeOf(err) != runwith.DeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s after the deadline: %v %v, want DEADLINE_EXCEEDED", call, runwith.CodeOf(err), err)
		}
	}
}

func TestClientStart(t *testing.T) {
	t.Parallel()
	var got string
	client := setup(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Header.Get("Idempotency-Key") + " " + string(body)
		answerWith(http.StatusAccepted, "application/json", `{"id":"inv-1","state":"accepted","request":{"parameters":{"big":9007199254740993}}}`)(w, r)
	})
	invocation, err := client.Start(t.Context(), "report", "order-17", &runwith.Request{
		Parameters: map[string]any{"tenant": "acme", "pages": 5, "full": true},
		Labels:     map[string]string{"tenant": "acme"},
		Callback:   &runwith.Callback{URL: "https://api.example.com/hook"},
		Overrides:  runwith.Overrides{TaskCount: 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `"order-17" {"taskCount":2,"parameters":{"full":true,"pages":5,"tenant":"acme"},"labels":{"tenant":"acme"},"callback":{"url":"https://api.example.com/hook"}}`
	if got != want {
		t.Errorf("Start sends %s, want %s", got, want)
	}
	if big := invocation.Request.Parameters["big"]; big != json.Number("9007199254740993") {
		t.Errorf("parameter of the answer = %v, want every digit", big)
	}
	if _, err := client.Start(t.Context(), "report", "k", nil); err != nil || got != `"k" {}` {
		t.Errorf("Start without a request sends %s, %v, want an empty one", got, err)
	}
	for key, r := range map[string]*runwith.Request{"": nil, "k": {Parameters: map[string]any{"f": func() {}}}} {
		if _, err := client.Start(t.Context(), "report", key, r); runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("Start(key %q, %+v) = %v, want INVALID_ARGUMENT", key, r, err)
		}
	}
}

func TestClientTasks(t *testing.T) {
	t.Parallel()
	var got string
	client := setup(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.URL.RequestURI()
		answerWith(200, "application/json", `{"tasks":[{"index":0,"state":"failed","attempts":2,"exitCode":3,"message":"m"},{"index":1,"state":"pending","attempts":0}]}`)(w, r)
	})
	tasks, err := client.Tasks(t.Context(), "inv-1", runwith.TaskFailed, runwith.TaskPending)
	want := []runwith.Task{
		{State: runwith.TaskFailed, Attempts: 2, ExitCode: new(3), Message: "m"},
		{Index: 1, State: runwith.TaskPending},
	}
	if diff := cmp.Diff(want, tasks); err != nil || diff != "" {
		t.Errorf("Tasks = %v (-want +got):\n%s", err, diff)
	}
	if want := "/api/v1/invocations/inv-1/tasks?state=failed&state=pending"; got != want {
		t.Errorf("Tasks requests %s, want %s", got, want)
	}
}
