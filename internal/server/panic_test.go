package server_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/server"
)

// logged is a log that a test reads while a server writes it.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A handler that panics costs its caller an internal error, and others nothing. The log
// says where it was, and nothing of the request.
func TestPanicOfAHandler(t *testing.T) {
	t.Parallel()
	var log logged
	s := start(t, server.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, &server.Site{Routes: []server.Route{
		{Pattern: "/api/", WriteError: apierror.WriteProblem, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			panic("bad token " + r.Header.Get("Authorization"))
		})},
		{Pattern: "/late/", WriteError: apierror.WriteProblem, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "the beginning")
			w.(http.Flusher).Flush()
			panic("late")
		})},
		{Pattern: "/abort/", Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })},
	}})
	response, body := s.get(t, "/api/v1/jobs", "Authorization", "Bearer canary")
	if response.StatusCode != http.StatusInternalServerError || !strings.Contains(body, `"code":"INTERNAL"`) ||
		response.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("GET = %d %s, want 500 as a problem", response.StatusCode, body)
	}
	for _, path := range []string{"/late/", "/abort/"} {
		response, err := http.Get(s.url + path)
		if err == nil {
			_, err = io.ReadAll(response.Body)
			response.Body.Close()
		}
		if err == nil {
			t.Errorf("GET %s: the answer has an end, want it broken off", path)
		}
	}
	if _, body := s.get(t, "/metrics"); !strings.Contains(body, "runwith_server_panics_total{protocol=\"http\"} 2\n") {
		t.Errorf("GET /metrics = %s, want 2 panics", body)
	}
	if text := log.String(); strings.Contains(text+body, "canary") || !strings.Contains(text, "panic: a value of type string") || !strings.Contains(text, "panic_test.go") {
		t.Errorf("log = %s\nbody = %s\nwant the place and the type alone", text, body)
	}
}

// Metrics with a listener of their own are on no other one.
func TestMetricsListener(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, server.Config{Metrics: l}, &server.Site{
		Operator: authenticate,
		Routes:   []server.Route{{Pattern: "/", Handler: http.NotFoundHandler(), WriteError: apierror.WriteProblem}},
	})
	own := &running{url: "http://" + l.Addr().String()}
	for path, want := range map[string]int{"/metrics": 200, "/healthz": 200, "/readyz": 200, "/": 404, "/api/v1/jobs": 404} {
		if response, body := own.get(t, path); response.StatusCode != want {
			t.Errorf("GET %s on the metrics' listener = %d %s, want %d", path, response.StatusCode, body, want)
		}
	}
	if response, body := own.get(t, "/metrics", "Origin", "http://page.example"); response.StatusCode != http.StatusForbidden {
		t.Errorf("GET /metrics from another origin = %d %s, want 403", response.StatusCode, body)
	}
	if response, body := s.get(t, "/metrics"); response.StatusCode != http.StatusNotFound {
		t.Errorf("GET /metrics on the other listener = %d %s, want 404", response.StatusCode, body)
	}
	if response, _ := s.get(t, "/healthz"); response.StatusCode != http.StatusOK {
		t.Errorf("GET /healthz on the other listener = %d, want 200", response.StatusCode)
	}
	if _, page := s.get(t, "/", "Accept", "text/html"); strings.Contains(page, "/metrics") {
		t.Errorf("the page links to /metrics:\n%s", page)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if _, err := http.Get(own.url + "/healthz"); err == nil {
		t.Error("the metrics' listener is open after the stop")
	}
}
