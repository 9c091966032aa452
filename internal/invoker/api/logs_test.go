package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/api"
)

const logsPath = "/api/v1/invocations/inv-1/logs"

func logging(lines iter.Seq2[runwith.LogLine, error]) *fake {
	return &fake{logs: func(context.Context, string, invoker.LogQuery) iter.Seq2[runwith.LogLine, error] { return lines }}
}

func TestTextLogs(t *testing.T) {
	t.Parallel()
	got := ask(t, serve(t, logging(lines("ENV_1 = HELLO", "", "<b>"))), "GET "+logsPath, "")
	if want := "ENV_1 = HELLO\n\n<b>\n"; got.status != 200 || got.body != want {
		t.Errorf("logs = %d %q, want 200 %q", got.status, got.body, want)
	}
	if ct := got.header.Get("Content-Type"); ct != "text/plain; charset=utf-8" || got.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("logs are %q, want text/plain that is not sniffed", ct)
	}
}

// A line names its task and attempt, unless it is of the first attempt of the only task.
func TestTextLogsLabels(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		tasks       int
		query, want string
	}{
		{1, "?task=0", "one\n[0.1] two\n"},
		{2, "", "[0.0] one\n[0.1] two\n[1.0] three\n"},
		{2, "?task=0", "one\n[0.1] two\n"},
		{2, "?task=1", "three\n"},
	} {
		server := serve(t, &fake{
			invocation: func(context.Context, string) (runwith.Invocation, error) {
				i := sample()
				i.Counts.Tasks = test.tasks
				return i, nil
			},
			logs: func(_ context.Context, _ string, q invoker.LogQuery) iter.Seq2[runwith.LogLine, error] {
				return func(yield func(runwith.LogLine, error) bool) {
					for _, l := range []runwith.LogLine{{Text: "one"}, {Attempt: 1, Text: "two"}, {Task: 1, Text: "three"}} {
						if (q.Task == nil || *q.Task == l.Task) && !yield(l, nil) {
							return
						}
					}
				}
			},
		})
		if got := ask(t, server, "GET "+logsPath+test.query, ""); got.body != test.want {
			t.Errorf("log%s of %d tasks = %q, want %q", test.query, test.tasks, got.body, test.want)
		}
	}
	for _, task := range []string{"-1", "x", "1.5"} {
		got := ask(t, serve(t, &fake{}), "GET "+logsPath+"?task="+task, "")
		if p := got.problem(t); got.status != 400 || len(p.Errors) != 1 || p.Errors[0].Location != "query.task" {
			t.Errorf("log of task %s = %d %s, want 400 about query.task", task, got.status, got.body)
		}
	}
}

func TestTextLogsErrors(t *testing.T) {
	t.Parallel()
	unavailable := runwith.Errorf(runwith.Unavailable, "no logs now")

	got := ask(t, serve(t, logging(linesThen(unavailable, "a"))), "GET "+logsPath, "")
	if p := got.problem(t); got.status != 503 || p.Code != "UNAVAILABLE" {
		t.Errorf("logs that break off early = %d %s, want 503 UNAVAILABLE", got.status, got.body)
	}

	// An answer that has begun is aborted.
	server := serve(t, logging(linesThen(unavailable, strings.Repeat("a", 64<<10))))
	response, err := server.Client().Get(server.URL + logsPath)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.ReadAll(response.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("logs that break off late: %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

func TestLogsOfNothing(t *testing.T) {
	t.Parallel()
	server := serve(t, &fake{invocation: func(context.Context, string) (runwith.Invocation, error) {
		return runwith.Invocation{}, runwith.Errorf(runwith.NotFound, "invocation: not found")
	}})
	for _, query := range []string{"", "?follow=true"} {
		got := ask(t, server, "GET "+logsPath+query, "", "Accept", "text/event-stream")
		if p := got.problem(t); got.status != 404 || p.Code != "NOT_FOUND" {
			t.Errorf("GET %s = %d %s, want 404 NOT_FOUND", logsPath+query, got.status, got.body)
		}
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	for _, follow := range []bool{false, true} {
		var asked bool
		server := serve(t, &fake{logs: func(_ context.Context, _ string, q invoker.LogQuery) iter.Seq2[runwith.LogLine, error] {
			asked = q.Follow
			return lines("one", "two\r\nthree\u2028")
		}})
		path, headers := logsPath, []string{"Accept", "text/html, text/event-stream; q=0.5"}
		if follow {
			path, headers = logsPath+"?follow=true", nil
		}
		got := ask(t, server, "GET "+path, "", headers...)
		want := `event: line
data: {"time":"2026-01-02T03:04:07Z","task":0,"attempt":0,"stream":"stdout","text":"one"}

event: line
data: {"time":"2026-01-02T03:04:07Z","task":0,"attempt":0,"stream":"stdout","text":"two\r\nthree\u2028"}

event: end
data: ` + marshal(t, sample()) + "\n\n"
		if got.status != 200 || got.body != want || got.header.Get("Content-Type") != "text/event-stream" {
			t.Errorf("events = %d %s\n%s\nwant\n%s", got.status, got.header.Get("Content-Type"), got.body, want)
		}
		if asked != follow {
			t.Errorf("follow = %v, want %v", asked, follow)
		}
	}
}

// Events carry the positions of their lines, and a request says where the log goes on. A browser
// that reconnects repeats its query, so its header counts more.
func TestEventsGoOn(t *testing.T) {
	t.Parallel()
	var asked invoker.LogQuery
	server := serve(t, &fake{logs: func(_ context.Context, _ string, q invoker.LogQuery) iter.Seq2[runwith.LogLine, error] {
		asked = q
		return func(yield func(runwith.LogLine, error) bool) {
			l := line("one")
			l.Position = "p1"
			yield(l, nil)
		}
	}})
	for _, test := range []struct {
		query, last string
		want        invoker.LogQuery
	}{
		{"?after=p0&stream=stderr", "", invoker.LogQuery{After: "p0", Stream: "stderr"}},
		{"?tail=10", "", invoker.LogQuery{Tail: 10}},
		{"?tail=10&before=p1", "", invoker.LogQuery{Tail: 10, Before: "p1"}},
		{"?tail=10&after=p0", "p1", invoker.LogQuery{After: "p1"}},
	} {
		got := ask(t, server, "GET "+logsPath+test.query, "", "Accept", "text/event-stream", "Last-Event-ID", test.last)
		if !strings.HasPrefix(got.body, "id: p1\nevent: line\ndata: {") || strings.Contains(got.body, "osition") {
			t.Errorf("events = %s, want a line whose ID is its position", got.body)
		}
		asked.Ready = nil
		if diff := cmp.Diff(test.want, asked); diff != "" {
			t.Errorf("query %s with Last-Event-ID %q (-want +got):\n%s", test.query, test.last, diff)
		}
	}
	for _, query := range []string{"?tail=0", "?tail=5001", "?stream=stdin"} {
		if got := ask(t, server, "GET "+logsPath+query, ""); got.status != 400 {
			t.Errorf("GET %s = %d, want 400", query, got.status)
		}
	}
	client := &runwith.Client{Server: server.URL, HTTPClient: server.Client()}
	for l, err := range client.Logs(t.Context(), "inv-1", nil) {
		if err != nil || l.Position != "p1" {
			t.Errorf("the client's line has the position %q (%v), want p1", l.Position, err)
		}
	}
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	content, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestEventsError(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]string{
		runwith.Errorf(runwith.Unavailable, "no logs now"): `event: error
data: {"title":"Service Unavailable","status":503,"code":"UNAVAILABLE","detail":"no logs now"}

`,
		errors.New("a secret"): `event: error
data: {"title":"Internal Server Error","status":500,"code":"INTERNAL","detail":"internal error: the server's log has the cause"}

`,
	} {
		got := ask(t, serve(t, logging(linesThen(err, "one"))), "GET "+logsPath+"?follow=true", "")
		if got.status != 200 || !strings.HasPrefix(got.body, "event: line\n") || !strings.HasSuffix(got.body, "}\n\n"+want) {
			t.Errorf("events = %d %s\nwant a line, and then %s", got.status, got.body, want)
		}
	}
}

// A line arrives as soon as it is printed. The end of the server's context ends the stream.
func TestEventsAreLive(t *testing.T) {
	t.Parallel()
	base, stop := context.WithCancel(t.Context())
	defer stop()
	printed := make(chan string)
	server := serveConfig(t, api.Config{Context: base, Invoker: &fake{
		logs: func(ctx context.Context, _ string, _ invoker.LogQuery) iter.Seq2[runwith.LogLine, error] {
			return func(yield func(runwith.LogLine, error) bool) {
				for {
					select {
					case text := <-printed:
						if !yield(line(text), nil) {
							return
						}
					case <-ctx.Done():
						yield(runwith.LogLine{}, ctx.Err())
						return
					}
				}
			}
		},
	}})
	client := &runwith.Client{Server: server.URL, HTTPClient: server.Client()}
	next, done := iter.Pull2(client.Logs(t.Context(), "inv-1", &runwith.LogsOptions{Follow: true}))
	defer done()
	for _, text := range []string{"one", "two"} {
		go func() { printed <- text }()
		if got, err, _ := next(); err != nil || got != line(text) {
			t.Fatalf("line = %v, %v, want %v", got, err, line(text))
		}
	}
	stop()
	if _, err, _ := next(); runwith.CodeOf(err) != runwith.Unavailable {
		t.Errorf("at the server's stop: %v, want UNAVAILABLE", err)
	}
}

// When the client leaves, the iterator ends and no goroutine remains.
func TestEventsEndWithClient(t *testing.T) {
	t.Parallel()
	left := make(chan struct{})
	server := serve(t, &fake{logs: func(ctx context.Context, _ string, _ invoker.LogQuery) iter.Seq2[runwith.LogLine, error] {
		return func(yield func(runwith.LogLine, error) bool) {
			defer close(left)
			if yield(line("one"), nil) {
				<-ctx.Done()
			}
		}
	}})
	client := &runwith.Client{Server: server.URL, HTTPClient: server.Client()}
	for _, err := range client.Logs(t.Context(), "inv-1", &runwith.LogsOptions{Follow: true}) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Error("the log is still followed after its client has left")
	}
}

// broken is a ResponseWriter whose client has left.
type broken struct{ *httptest.ResponseRecorder }

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// A stream ends when a write fails, even if its request continues. It is no failure of the
// server.
func TestEventsEndWithWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		handler := api.New(api.Config{
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Invoker: &fake{logs: func(ctx context.Context, _ string, _ invoker.LogQuery) iter.Seq2[runwith.LogLine, error] {
				return func(yield func(runwith.LogLine, error) bool) {
					if yield(line("one"), nil) {
						<-ctx.Done() // synctest fails when nothing ends it
					}
				}
			}},
		})
		handler.ServeHTTP(broken{httptest.NewRecorder()}, httptest.NewRequestWithContext(t.Context(), http.MethodGet, logsPath+"?follow=true", nil))
		if log.Len() > 0 {
			t.Errorf("log = %s, want nothing", log.String())
		}
	})
}

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		handler := api.New(api.Config{Invoker: logging(func(yield func(runwith.LogLine, error) bool) {
			time.Sleep(40 * time.Second)
			yield(line("late"), nil)
		})})
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, logsPath+"?follow=true", nil))
		if want := ": heartbeat\n\n: heartbeat\n\nevent: line\n"; !strings.HasPrefix(w.Body.String(), want) {
			t.Errorf("events of 40 s = %q, want %q first", w.Body, want)
		}
	})
}
