package server_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/metrics"
	"github.com/runwith/runwith/internal/principal"
	"github.com/runwith/runwith/internal/server"
)

// running is a server that serves a site.
type running struct {
	url  string
	stop func() error
}

// start serves a site until the end of the test, or until it is stopped.
func start(t *testing.T, c server.Config, site *server.Site) *running {
	t.Helper()
	if site.Close == nil {
		site.Close = func() error { return nil }
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.Listener, c.Logger = l, cmp.Or(c.Logger, slog.New(slog.NewTextHandler(t.Output(), nil)))
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		open := func(context.Context, string) (*server.Site, error) { return site, nil }
		ended <- server.Serve(ctx, c, open, func(addr string) { ready <- addr })
	}()
	stop := sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = stop() })
	return &running{"http://" + <-ready, stop}
}

// get returns the answer to a request.
func (r *running) get(t *testing.T, path string, headers ...string) (response *http.Response, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	response, err = http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

// The site's callers of the server stop first, then requests, then the site.
func TestShutdownOrder(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var order []string
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, what)
	}
	arrived, drained := make(chan struct{}), make(chan struct{})
	var s *running
	site := &server.Site{
		Routes: []server.Route{{Pattern: "/wait", Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(arrived)
			<-drained
			note("request: " + context.Cause(r.Context()).Error())
		})}},
		Drain: func() error {
			if _, body := s.get(t, "/healthz"); !strings.Contains(body, "ok") {
				t.Errorf("GET /healthz during Drain = %s, want ok", body)
			}
			note("drain")
			close(drained)
			return nil
		},
		Close: func() error { note("close"); return nil },
	}
	s = start(t, server.Config{}, site)
	go http.Get(s.url + "/wait")
	<-arrived
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	want := []string{"drain", "request: the server is stopping: ask again later", "close"}
	if !slices.Equal(order, want) {
		t.Errorf("order = %q, want %q", order, want)
	}
}

func TestServeFailsWithItsSite(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	c := server.Config{Listener: l, Logger: slog.New(slog.DiscardHandler)}
	open := func(context.Context, string) (*server.Site, error) { return nil, broken }
	if err := server.Serve(t.Context(), c, open, nil); !errors.Is(err, broken) {
		t.Errorf("Serve() = %v, want the error of the site", err)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("the listener is open after Serve returned")
	}
}

// The site is closed if the configuration is invalid.
func TestServeClosesTheSite(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var closed []string
	site := &server.Site{
		Drain: func() error { closed = append(closed, "drain"); return nil },
		Close: func() error { closed = append(closed, "close"); return nil },
	}
	c := server.Config{Listener: l, AllowHosts: []string{"http://no.host"}, Logger: slog.New(slog.DiscardHandler)}
	open := func(context.Context, string) (*server.Site, error) { return site, nil }
	if err := server.Serve(t.Context(), c, open, nil); err == nil {
		t.Error("Serve() with an invalid host = nil, want an error")
	}
	if want := []string{"drain", "close"}; !slices.Equal(closed, want) {
		t.Errorf("closed = %q, want %q", closed, want)
	}
}

// One listener that fails ends the server with all it has.
func TestServeEndsWithAListener(t *testing.T) {
	t.Parallel()
	metrics, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	s := start(t, server.Config{Metrics: metrics}, &server.Site{Close: func() error { close(closed); return nil }})
	if err := metrics.Close(); err != nil {
		t.Fatal(err)
	}
	<-closed
	if err := s.stop(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve() = %v, want the error of the listener", err)
	}
	if conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://")); err == nil {
		conn.Close()
		t.Error("the other listener is open after Serve returned")
	}
}

func TestServeWaitsUntilTheSiteHasSettled(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	settled, announced := make(chan struct{}), make(chan struct{})
	site := &server.Site{Settled: settled, Close: func() error { return nil }}
	c := server.Config{Listener: l, Logger: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		open := func(context.Context, string) (*server.Site, error) { return site, nil }
		ended <- server.Serve(ctx, c, open, func(string) { close(announced) })
	}()
	// It answers already.
	response, err := http.Get("http://" + l.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	select {
	case <-announced:
		t.Error("the server is announced before the site has settled")
	default:
	}
	close(settled)
	<-announced
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestRequestsHaveThePrincipal(t *testing.T) {
	t.Parallel()
	site := &server.Site{Routes: []server.Route{{Pattern: "/", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, principal.From(r.Context()).String())
	})}}}
	for want, p := range map[string]principal.Principal{"anonymous": {}, "local user": principal.LocalUser} {
		if _, got := start(t, server.Config{Principal: p}, site).get(t, "/"); got != want {
			t.Errorf("principal = %q, want %q", got, want)
		}
	}
}

// calls is a gRPC server that only asks to admit a call.
type calls struct{ admitted chan context.Context }

func (c calls) ServeGRPC(ctx context.Context, l net.Listener, admit server.Admit) error {
	defer l.Close()
	for host, want := range map[string]runwith.Code{"localhost": runwith.OK, "rebound.example": runwith.PermissionDenied} {
		ctx, refusal := admit((&http.Request{Method: http.MethodPost, URL: &url.URL{Path: "/service/Method"}, Host: host}).WithContext(ctx))
		if refusal == nil && want == runwith.OK {
			c.admitted <- ctx
		} else if refusal == nil || refusal.Code != want {
			return fmt.Errorf("admit a call to %s = %w, want %v", host, refusal, want)
		}
	}
	<-ctx.Done()
	return nil
}

func (calls) StopGRPC(context.Context) {}

func TestGRPCCallsHaveThePrincipalAndAreGuarded(t *testing.T) {
	t.Parallel()
	grpc := calls{make(chan context.Context, 1)}
	s := start(t, server.Config{Principal: principal.LocalUser}, &server.Site{GRPC: grpc})
	if p := principal.From(<-grpc.admitted); p != principal.LocalUser {
		t.Errorf("principal = %v, want %v", p, principal.LocalUser)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// The guard refuses a request in the format of the API that was called.
func TestRefusalsHaveTheFormatOfTheirRoute(t *testing.T) {
	t.Parallel()
	s := start(t, server.Config{}, &server.Site{Routes: []server.Route{
		{Pattern: "/api/", Handler: http.NotFoundHandler(), WriteError: apierror.WriteProblem},
		{Pattern: "/v2/", Handler: http.NotFoundHandler(), WriteError: apierror.WriteGoogle},
	}})
	for path, want := range map[string]string{
		"/api/v1/jobs": "application/problem+json",
		"/v2/projects": "application/json; charset=UTF-8",
		"/healthz":     "application/problem+json",
		"/metrics":     "application/problem+json",
		"/elsewhere":   "text/plain; charset=utf-8",
	} {
		response, body := s.get(t, path, "Origin", "http://page.example")
		if response.StatusCode != http.StatusForbidden || response.Header.Get("Content-Type") != want {
			t.Errorf("GET %s from another origin = %d %s %s, want 403 as %s", path, response.StatusCode, response.Header.Get("Content-Type"), body, want)
		}
	}
}

// A site that answers every path does not answer other methods of the server's own paths.
func TestOwnPathsRefuseOtherMethods(t *testing.T) {
	t.Parallel()
	s := start(t, server.Config{}, &server.Site{Routes: []server.Route{{Pattern: "/", Handler: http.NotFoundHandler(), WriteError: apierror.WriteGoogle}}})
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		for _, method := range []string{http.MethodPost, http.MethodOptions} {
			req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != http.StatusMethodNotAllowed || response.Header.Get("Allow") != "GET, HEAD" ||
				response.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s %s = %d %v, want 405 with Allow as a problem", method, path, response.StatusCode, response.Header)
			}
		}
	}
}

func TestHealthz(t *testing.T) {
	t.Parallel()
	failing := func(context.Context) error { return errors.New("broken") }
	s := start(t, server.Config{Version: "v1.2.3"}, &server.Site{Checks: []func(context.Context) error{failing}})
	response, body := s.get(t, "/healthz")
	if want := `{"status":"ok","version":"v1.2.3"}`; response.StatusCode != http.StatusOK || strings.TrimSpace(body) != want {
		t.Errorf("GET /healthz = %d %s, want 200 %s", response.StatusCode, body, want)
	}
}

func TestReadyz(t *testing.T) {
	t.Parallel()
	var reason error
	s := start(t, server.Config{}, &server.Site{Checks: []func(context.Context) error{
		func(context.Context) error { return nil },
		func(context.Context) error { return reason },
	}})
	if response, body := s.get(t, "/readyz"); response.StatusCode != http.StatusOK {
		t.Errorf("GET /readyz = %d %s, want 200", response.StatusCode, body)
	}
	reason = &runwith.Error{Code: runwith.Unavailable, Message: "Cloud Run does not answer", Err: errors.New("a secret")}
	response, body := s.get(t, "/readyz")
	if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Errorf("GET /readyz = %d %v, want 503 with Retry-After", response.StatusCode, response.Header)
	}
	var problem struct{ Detail string }
	if err := json.Unmarshal([]byte(body), &problem); err != nil || problem.Detail != "Cloud Run does not answer" || strings.Contains(body, "secret") {
		t.Errorf("GET /readyz = %s, want the reason without its cause", body)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	ended := metrics.NewCounter("runwith_ended_total", "Ends.", "job", "state")
	ended.Add(3, "nightly", "failed")
	wait := metrics.NewHistogram("runwith_wait_seconds", "Waits.", []time.Duration{time.Second})
	wait.Observe(500 * time.Millisecond)
	wait.Observe(2 * time.Second)
	s := start(t, server.Config{Version: "v1.2.3"}, &server.Site{Metrics: []metrics.Metric{
		metrics.Gauges("runwith_engine_tasks", "Tasks by state.", "state", func(context.Context) (map[string]int, error) {
			return map[string]int{"running": 2, "waiting": 40}, nil
		}),
		metrics.Gauge("runwith_broken", "Cannot be read.", func(context.Context) (float64, error) { return 0, errors.New("broken") }),
		ended.Metric(), wait.Metric(),
	}})
	response, body := s.get(t, "/metrics")
	if got := response.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain; version=0.0.4") {
		t.Errorf("Content-Type = %q, want Prometheus's text format", got)
	}
	for _, want := range []string{
		`runwith_build_info{goversion="go`, `version="v1.2.3"} 1`, "process_start_time_seconds ",
		"# TYPE runwith_engine_tasks gauge\n", "runwith_engine_tasks{state=\"running\"} 2\n", "runwith_engine_tasks{state=\"waiting\"} 40\n",
		"# TYPE runwith_ended_total counter\n", "runwith_ended_total{job=\"nightly\",state=\"failed\"} 3\n",
		"# TYPE runwith_wait_seconds histogram\n", "runwith_wait_seconds_bucket{le=\"1\"} 1\n",
		"runwith_wait_seconds_bucket{le=\"+Inf\"} 2\n", "runwith_wait_seconds_sum 2.5\n", "runwith_wait_seconds_count 2\n",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("GET /metrics has no %q:\n%s", want, body)
		}
	}
	for _, not := range []string{"runwith_broken", "process_network"} {
		if strings.Contains(body, not) {
			t.Errorf("GET /metrics has %q:\n%s", not, body)
		}
	}
}
