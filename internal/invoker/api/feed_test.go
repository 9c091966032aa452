package api_test

import (
	"context"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/api"
)

// stuck is the writer of a client that does not read.
type stuck struct {
	http.ResponseWriter
	written chan struct{} // receives when a write waits
	gone    chan struct{} // closed when the client leaves
}

func (s stuck) Write([]byte) (int, error) {
	select {
	case s.written <- struct{}{}:
	default:
	}
	<-s.gone
	return 0, http.ErrHandlerTimeout
}

// Flush flushes nothing.
func (stuck) Flush() {}

func TestSlowClientsHoldFewLines(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		query string
		size  int
	}{"text": {"", 100}, "events": {"?follow=true", 100}, "empty lines": {"?follow=true", 0}, "long lines": {"", 256 << 10}} {
		w := stuck{httptest.NewRecorder(), make(chan struct{}, 1), make(chan struct{})}
		held := 0
		handler := api.New(api.Config{Invoker: &fake{
			logs: func(_ context.Context, _ string, q invoker.LogQuery) iter.Seq2[runwith.LogLine, error] {
				return func(yield func(runwith.LogLine, error) bool) {
					now, cancel := context.WithCancel(context.Background())
					cancel()
					yield(line(strings.Repeat("x", 64<<10)), nil) // fills the buffer of the writer
					<-w.written
					for held < 1<<20 && q.Ready(now) == nil {
						yield(line(strings.Repeat("x", test.size)), nil)
						held += test.size + 100
					}
					close(w.gone)
				}
			},
		}})
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, logsPath+test.query, nil))
		if want := max(64<<10, test.size+100); held > want+test.size+100 || held == 0 {
			t.Errorf("%s: a client that does not read holds %d bytes of lines, want at most %d", name, held, want)
		}
	}
}

func TestTooManyReadersOfLogs(t *testing.T) {
	t.Parallel()
	reading, leave := make(chan struct{}), make(chan struct{})
	server := serveConfig(t, api.Config{MaxLogReaders: 1, Invoker: &fake{
		logs: func(context.Context, string, invoker.LogQuery) iter.Seq2[runwith.LogLine, error] {
			return func(func(runwith.LogLine, error) bool) {
				reading <- struct{}{}
				<-leave
			}
		},
	}})
	first := make(chan answer)
	go func() { first <- ask(t, server, "GET "+logsPath+"?follow=true", "") }()
	<-reading
	for _, query := range []string{"", "?follow=true"} {
		got := ask(t, server, "GET "+logsPath+query, "")
		p := got.problem(t)
		if got.status != 503 {
			t.Errorf("one reader too many%s: status = %d, want 503", query, got.status)
		}
		if p.Code != "UNAVAILABLE" {
			t.Errorf("one reader too many%s: code = %s, want UNAVAILABLE", query, p.Code)
		}
		if want := "1 requests read logs already"; !strings.Contains(p.Detail, want) {
			t.Errorf("one reader too many%s: detail = %q, want %q in it", query, p.Detail, want)
		}
		if got.header.Get("Retry-After") == "" {
			t.Errorf("one reader too many%s: the answer has no Retry-After", query)
		}
	}
	leave <- struct{}{}
	if got := <-first; got.status != 200 {
		t.Errorf("the first reader = %d %s, want 200", got.status, got.body)
	}
	go func() { first <- ask(t, server, "GET "+logsPath, "") }()
	<-reading
	leave <- struct{}{}
	if got := <-first; got.status != 200 {
		t.Errorf("a reader after the first has left = %d %s, want 200", got.status, got.body)
	}
}
