package runwith_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
)

// logTexts returns the lines of a log, followed by the code of the error, if any.
func logTexts(ctx context.Context, c *runwith.Client, o *runwith.LogsOptions) []string {
	var got []string
	for line, err := range c.Logs(ctx, "inv-1", o) {
		if err != nil {
			got = append(got, runwith.CodeOf(err).String())
			continue
		}
		got = append(got, line.Text)
	}
	return got
}

func TestLabelled(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		tasks, task, attempt int
		want                 string
	}{
		{0, 0, 0, "x"}, {1, 0, 0, "x"}, {1, 0, 2, "[0.2] x"}, {2, 0, 0, "[0.0] x"}, {12, 10, 3, "[10.3] x"},
	} {
		if got := (runwith.LogLine{Task: test.task, Attempt: test.attempt, Text: "x"}).Labelled(test.tasks); got != test.want {
			t.Errorf("task %d, attempt %d of %d tasks: %q, want %q", test.task, test.attempt, test.tasks, got, test.want)
		}
	}
}

func TestClientLogs(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(`\u0000`, 256<<10) // the longest line of a task in its longest encoding
	tests := []struct {
		name, stream string
		want         []string
	}{
		{"empty", "event: end\ndata: {}\n\n", nil},
		{
			"lines", "event: line\ndata: {\"text\":\"a\"}\n\n: heartbeat\n\nevent: line\ndata: {\"text\":\"b\\n\"}\n\nevent: end\ndata: {}\n\n",
			[]string{"a", "b\n"},
		},
		{
			"CRLF, no spaces, unknown fields and events",
			"id:1\r\nevent:line\r\ndata:{\"text\":\"a\"}\r\nretry\r\n\r\nevent: news\r\ndata: ?\r\n\r\ndata: ?\r\n\r\nevent: end\r\ndata\r\n\r\n",
			[]string{"a"},
		},
		{"data in several lines", "event: line\ndata: {\"text\":\ndata: \"a\"}\n\nevent: end\ndata: {}\n\n", []string{"a"}},
		{"event without data", "event: end\n\nevent: line\ndata: {\"text\":\"a\"}\n\nevent: end\ndata: {}\n\n", []string{"a"}},
		{"longest line", "event: line\ndata: {\"text\":\"" + long + "\"}\n\nevent: end\ndata: {}\n\n", []string{strings.Repeat("\x00", 256<<10)}},
		{"lines after the end", "event: end\ndata: {}\n\nevent: line\ndata: {\"text\":\"a\"}\n\n", nil},

		{"no end", "event: line\ndata: {\"text\":\"a\"}\n\n", []string{"a", "UNAVAILABLE"}},
		{"truncated end", "event: end\ndata: {}\n", []string{"UNAVAILABLE"}},
		{"error", "event: line\ndata: {\"text\":\"a\"}\n\nevent: error\ndata: {\"code\":\"DATA_LOSS\",\"detail\":\"gone\"}\n\n", []string{"a", "DATA_LOSS"}},
		{"not JSON", "event: line\ndata: a\n\nevent: end\ndata: {}\n\n", []string{"INTERNAL"}},
		{"error that is not JSON", "event: error\ndata: a\n\n", []string{"INTERNAL"}},
		{"too long", "event: line\ndata: " + strings.Repeat("a", 5<<20) + "\n\n", []string{"UNAVAILABLE"}},
		{"too long in several lines", "event: line\n" + strings.Repeat("data: "+strings.Repeat("a", 1<<20)+"\n", 5) + "\n", []string{"UNAVAILABLE"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client := setup(t, answerWith(200, "text/event-stream", test.stream))
			if diff := cmp.Diff(test.want, logTexts(t.Context(), client, nil)); diff != "" {
				t.Errorf("Logs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClientLogsRequest(t *testing.T) {
	t.Parallel()
	for o, want := range map[*runwith.LogsOptions]string{
		nil:            "/api/v1/invocations/inv-1/logs text/event-stream",
		{}:             "/api/v1/invocations/inv-1/logs text/event-stream",
		{Follow: true}: "/api/v1/invocations/inv-1/logs?follow=true text/event-stream",
	} {
		var got string
		client := setup(t, func(w http.ResponseWriter, r *http.Request) {
			got = r.URL.RequestURI() + " " + r.Header.Get("Accept")
			answerWith(404, "application/problem+json", `{"code":"NOT_FOUND","detail":"no"}`)(w, r)
		})
		if diff := cmp.Diff([]string{"NOT_FOUND"}, logTexts(t.Context(), client, o)); diff != "" {
			t.Errorf("Logs(%+v) (-want +got):\n%s", o, diff)
		}
		if got != want {
			t.Errorf("Logs(%+v) requests %s, want %s", o, got, want)
		}
	}
}

// TestClientLogsCloses checks that leaving the loop closes the connection, and that
// cancelling the context does.
func TestClientLogsCloses(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{}, 2)
	client := setup(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "event: line\ndata: {\"text\":\"a\"}\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		closed <- struct{}{}
	})
	for line, err := range client.Logs(t.Context(), "inv-1", nil) {
		if err != nil || line.Text != "a" {
			t.Errorf("Logs = %v, %v, want a", line, err)
		}
		break
	}
	<-closed

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []string
	for line, err := range client.Logs(ctx, "inv-1", nil) {
		if err != nil {
			got = append(got, runwith.CodeOf(err).String())
			continue
		}
		got = append(got, line.Text)
		cancel()
	}
	if diff := cmp.Diff([]string{"a", "CANCELLED"}, got); diff != "" {
		t.Errorf("Logs until cancelled (-want +got):\n%s", diff)
	}
	<-closed
}

func TestClientLogsQuery(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]*runwith.LogsOptions{
		"": nil, "follow=true": {Follow: true}, "task=0": {Task: new(0)}, "follow=true&task=3": {Follow: true, Task: new(3)},
	} {
		var got string
		client := setup(t, func(w http.ResponseWriter, r *http.Request) {
			got = r.URL.RawQuery
			_, _ = fmt.Fprint(w, "event: end\ndata: {}\n\n")
		})
		for _, err := range client.Logs(t.Context(), "inv-1", o) {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("query of %+v = %q, want %q", o, got, want)
		}
	}
}

// A followed log goes on behind its last line. OnBreak hears of the first error after each line.
func TestClientLogsGoOn(t *testing.T) {
	t.Parallel()
	requests := 0
	client := setup(t, func(w http.ResponseWriter, r *http.Request) {
		requests++
		switch after := r.URL.Query().Get("after"); {
		case requests == 1:
			_, _ = fmt.Fprint(w, "id: 1\nevent: line\ndata: {\"text\":\"a\"}\n\n") // and breaks
		case requests < 4:
			answerWith(503, "application/problem+json", `{"code":"UNAVAILABLE","detail":"no"}`)(w, r)
		case requests == 4 && after == "1":
			_, _ = fmt.Fprint(w, "id: 2\nevent: line\ndata: {\"text\":\"b\"}\n\n")
		case after == "2":
			_, _ = fmt.Fprint(w, "event: end\ndata: {}\n\n")
		}
	})
	var breaks []runwith.Code
	o := &runwith.LogsOptions{Follow: true, OnBreak: func(err error) { breaks = append(breaks, runwith.CodeOf(err)) }}
	if diff := cmp.Diff([]string{"a", "b"}, logTexts(t.Context(), client, o)); diff != "" || requests != 5 {
		t.Errorf("Logs in %d requests (-want +got):\n%s", requests, diff)
	}
	if diff := cmp.Diff([]runwith.Code{runwith.Unavailable, runwith.Unavailable}, breaks); diff != "" {
		t.Errorf("breaks (-want +got):\n%s", diff)
	}
}

// quiet is a stream that sends a line, nothing for two minutes, and then breaks.
type quiet struct{ begun bool }

func (q *quiet) Read(p []byte) (int, error) {
	if q.begun {
		time.Sleep(2 * time.Minute)
		return 0, io.ErrUnexpectedEOF
	}
	q.begun = true
	return copy(p, "id: 1\nevent: line\ndata: {\"text\":\"a\"}\n\n"), nil
}

func (*quiet) Close() error { return nil }

// streams answers each request with the next stream.
type streams []io.ReadCloser

func (s *streams) RoundTrip(r *http.Request) (*http.Response, error) {
	next := (*s)[0]
	*s = (*s)[1:]
	return &http.Response{StatusCode: http.StatusOK, Request: r, Body: next}, nil
}

// A job may print nothing for long. Its log goes on all the same if the connection breaks then.
func TestClientLogsGoOnAfterAQuietTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		end := io.NopCloser(strings.NewReader("event: end\ndata: {}\n\n"))
		client := &runwith.Client{HTTPClient: &http.Client{Transport: &streams{&quiet{}, end}}}
		if diff := cmp.Diff([]string{"a"}, logTexts(t.Context(), client, &runwith.LogsOptions{Follow: true})); diff != "" {
			t.Errorf("Logs (-want +got):\n%s", diff)
		}
	})
}
