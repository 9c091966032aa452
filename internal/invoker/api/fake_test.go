package api_test

import (
	"context"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/api"
)

// fake is an invoker that returns the values set by a test, and otherwise sample.
type fake struct {
	invoke      func(ctx context.Context, job string, o runwith.Overrides) (runwith.Invocation, error)
	request     func(q invoker.Request) (_ runwith.Invocation, replayed bool, err error)
	rerun       func(r invoker.Rerun) (_ runwith.Invocation, replayed bool, err error)
	cancel      func(id string) (runwith.Invocation, error)
	resolve     func(id string, d invoker.Decision) (runwith.Invocation, error)
	tick        func() (invoker.Outstanding, error)
	invocation  func(ctx context.Context, id string) (runwith.Invocation, error)
	wait        func(ctx context.Context, id string) (runwith.Invocation, error)
	invocations func(f invoker.Filter) ([]runwith.Invocation, string, error)
	tasks       func(id string) ([]runwith.Task, error)
	logs        func(ctx context.Context, id string, q invoker.LogQuery) iter.Seq2[runwith.LogLine, error]
	jobs        func() ([]runwith.Job, error)
}

// sample returns a running invocation.
func sample() runwith.Invocation {
	return runwith.Invocation{
		ID:        "inv-1",
		Job:       "test-job",
		State:     runwith.StateRunning,
		Execution: "projects/demo/locations/us-east4/jobs/test-job/executions/test-job-abcde",
		Created:   time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Started:   time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC),
		Counts:    runwith.Counts{Tasks: 1, Running: 1},
		Attempts:  1,
	}
}

func succeeded() runwith.Invocation {
	i := sample()
	i.State = runwith.StateSucceeded
	i.Counts = runwith.Counts{Tasks: 1, Succeeded: 1}
	return i
}

func (f *fake) Invoke(ctx context.Context, q invoker.Request) (_ runwith.Invocation, replayed bool, err error) {
	if f.request != nil {
		return f.request(q)
	}
	if f.invoke == nil {
		return sample(), false, nil
	}
	i, err := f.invoke(ctx, q.Job, q.Asked.Overrides)
	return i, false, err
}

// InvokeEach starts each as Invoke does.
func (f *fake) InvokeEach(ctx context.Context, job string, each []invoker.Request) ([]invoker.Started, error) {
	if job == "unknown" {
		return nil, runwith.Errorf(runwith.NotFound, "there is no job unknown")
	}
	started := make([]invoker.Started, len(each))
	for i, q := range each {
		q.Job = job
		started[i].Invocation, started[i].Replayed, started[i].Err = f.Invoke(ctx, q)
	}
	return started, nil
}

func (f *fake) Rerun(_ context.Context, r invoker.Rerun) (_ runwith.Invocation, replayed bool, err error) {
	return f.rerun(r)
}

func (f *fake) Cancel(_ context.Context, id string) (runwith.Invocation, error) { return f.cancel(id) }

func (f *fake) Resolve(_ context.Context, id string, d invoker.Decision) (runwith.Invocation, error) {
	return f.resolve(id, d)
}

func (*fake) Budgets(context.Context, string) ([]runwith.Budget, error) {
	return []runwith.Budget{{Name: "server", Month: "2026-11"}}, nil
}

func (f *fake) Tick(context.Context) (invoker.Outstanding, error) { return f.tick() }

func (f *fake) Invocation(ctx context.Context, id string) (runwith.Invocation, error) {
	if f.invocation == nil {
		return sample(), nil
	}
	return f.invocation(ctx, id)
}

func (f *fake) Tasks(ctx context.Context, id string) ([]runwith.Task, error) {
	if f.tasks != nil {
		return f.tasks(id)
	}
	_, err := f.Invocation(ctx, id)
	return []runwith.Task{{Index: 0, State: runwith.TaskFailed, Attempts: 2, ExitCode: new(7), Message: "m"}}, err
}

func (f *fake) Changes(ctx context.Context, id string) ([]runwith.Change, error) {
	_, err := f.Invocation(ctx, id)
	return []runwith.Change{{Field: "args", Run: []string{"a"}}}, err
}

func (f *fake) Wait(ctx context.Context, id string) (runwith.Invocation, error) {
	if f.wait == nil {
		return succeeded(), nil
	}
	return f.wait(ctx, id)
}

func (f *fake) Invocations(_ context.Context, filter invoker.Filter) ([]runwith.Invocation, string, error) {
	if f.invocations == nil {
		return nil, "", nil
	}
	return f.invocations(filter)
}

func (f *fake) Logs(ctx context.Context, id string, q invoker.LogQuery) iter.Seq2[runwith.LogLine, error] {
	if f.logs == nil {
		return lines()
	}
	return f.logs(ctx, id, q)
}

func (f *fake) Jobs(context.Context) ([]runwith.Job, error) {
	if f.jobs == nil {
		return nil, nil
	}
	return f.jobs()
}

func (f *fake) Job(ctx context.Context, name string) (runwith.Job, error) {
	jobs, err := f.Jobs(ctx)
	for _, j := range jobs {
		if j.Name == name {
			return j, nil
		}
	}
	if err == nil {
		err = runwith.Errorf(runwith.NotFound, "job %q: not found", name)
	}
	return runwith.Job{}, err
}

// lines yields a line for each text.
func lines(texts ...string) iter.Seq2[runwith.LogLine, error] {
	return func(yield func(runwith.LogLine, error) bool) {
		for _, text := range texts {
			if !yield(line(text), nil) {
				return
			}
		}
	}
}

// linesThen yields the lines, and err last.
func linesThen(err error, texts ...string) iter.Seq2[runwith.LogLine, error] {
	return func(yield func(runwith.LogLine, error) bool) {
		for l := range lines(texts...) {
			if !yield(l, nil) {
				return
			}
		}
		yield(runwith.LogLine{}, err)
	}
}

func line(text string) runwith.LogLine {
	return runwith.LogLine{Time: time.Date(2026, 1, 2, 3, 4, 7, 0, time.UTC), Stream: "stdout", Text: text}
}

// serve serves f until the end of the test.
func serve(t *testing.T, f *fake) *httptest.Server {
	t.Helper()
	return serveConfig(t, api.Config{Invoker: f, Version: "v1.2.3"})
}

func serveConfig(t *testing.T, c api.Config) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(api.New(c))
	t.Cleanup(server.Close)
	return server
}

// answer is a complete response.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request to a route, such as GET /healthz. Headers are pairs of name and value; a body is sent as
// JSON unless they say otherwise.
func ask(t *testing.T, server *httptest.Server, route, body string, headers ...string) answer {
	t.Helper()
	method, path, _ := strings.Cut(route, " ")
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
			continue
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	return do(t, server, r)
}

func do(t *testing.T, server *httptest.Server, r *http.Request) answer {
	t.Helper()
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(content)}
}
