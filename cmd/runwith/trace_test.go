package main

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith/internal/eventually"
)

// spanReceiver takes spans by OTLP.
type spanReceiver struct {
	url string

	mu      sync.Mutex
	spans   []*tracepb.Span
	service string
	headers http.Header // of the last request
}

func startSpanReceiver(t *testing.T) *spanReceiver {
	t.Helper()
	r := &spanReceiver{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		var export collectorpb.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(body, &export) != nil || req.URL.Path != "/v1/traces" {
			t.Errorf("%s %s with %d bytes is no export of traces: %v", req.Method, req.URL, len(body), err)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.headers = req.Header
		for _, of := range export.ResourceSpans {
			for _, a := range of.Resource.Attributes {
				if a.Key == "service.name" {
					r.service = a.Value.GetStringValue()
				}
			}
			for _, scope := range of.ScopeSpans {
				r.spans = append(r.spans, scope.Spans...)
			}
		}
	}))
	t.Cleanup(s.Close)
	r.url = s.URL
	return r
}

// named returns the spans with a name in a trace.
func (r *spanReceiver) named(name, trace string) (found []*tracepb.Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.spans {
		if s.Name == name && hex.EncodeToString(s.TraceId) == trace {
			found = append(found, s)
		}
	}
	return found
}

// tracedUp starts up with environment variables.
func tracedUp(t *testing.T, variables ...string) *server {
	t.Helper()
	needProcesses(t)
	dir := t.TempDir()
	job := filepath.Join(dir, "job.yaml")
	if err := os.WriteFile(job, []byte(`name: trace
template: {template: {maxRetries: 0, containers: [{image: x, command: [sh, -c, 'echo "$TRACEPARENT"; exit ${CANARY:-0}']}]}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("runwith", "up", "--addr", "127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--job", job)
	cmd.Env = append(os.Environ(), variables...)
	s, err := startServer(cmd, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.stop() })
	return s
}

// runTraced starts the job with a traceparent, waits for its end, and returns its
// output.
func (s *server) runTraced(t *testing.T, traceparent, body string) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, s.url+"/api/v1/jobs/trace/invocations", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Prefer", "wait=30")
	if traceparent != "" {
		req.Header.Set("traceparent", traceparent)
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, id, _ := strings.Cut(string(text), `"id":"`)
	id, _, _ = strings.Cut(id, `"`)
	output := ""
	for line, err := range s.client().Logs(t.Context(), id, nil) {
		if err != nil {
			t.Fatal(err)
		}
		output += line.Text + "\n"
	}
	return output
}

const (
	callerTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	callerSpan  = "00f067aa0ba902b7"
)

// A request with a traceparent is a trace from the request to the end of the execution,
// and the job continues it.
func TestTraceOfAnInvocation(t *testing.T) {
	t.Parallel()
	r := startSpanReceiver(t)
	s := tracedUp(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+r.url, "OTEL_BSP_SCHEDULE_DELAY=50",
		"OTEL_EXPORTER_OTLP_HEADERS=x-team=docs", "OTEL_SERVICE_NAME=invoker-of-a-test")
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(hook.Close)
	output := s.runTraced(t, "00-"+callerTrace+"-"+callerSpan+"-01", `{"env":{"CANARY":"3"},"callback":{"url":"`+hook.URL+`"}}`)
	const request = "POST /api/v1/jobs/{job}/invocations"
	names := []string{request, "accept", "queue", "RunJob", "execution", "delivery"}
	eventually.True(t, "all spans arrive", func() bool {
		return !slices.ContainsFunc(names, func(name string) bool { return len(r.named(name, callerTrace)) != 1 })
	})
	parent := map[string]string{request: callerSpan}
	one := func(name string) *tracepb.Span { return r.named(name, callerTrace)[0] }
	id := func(name string) string { return hex.EncodeToString(one(name).SpanId) }
	parent["accept"] = id(request)
	for _, name := range names[2:] {
		parent[name] = id("accept")
	}
	for _, name := range names {
		if got := hex.EncodeToString(one(name).ParentSpanId); got != parent[name] {
			t.Errorf("the parent of %q is %s, want %s", name, got, parent[name])
		}
		if span := one(name); span.EndTimeUnixNano < span.StartTimeUnixNano {
			t.Errorf("%q ends before it starts", name)
		}
	}
	if code := one("execution").Status.Code; code != tracepb.Status_STATUS_CODE_ERROR {
		t.Errorf("status of the failed execution = %v, want an error", code)
	}
	if want := "00-" + callerTrace + "-" + id("accept") + "-01\n"; output != want {
		t.Errorf("TRACEPARENT of the job = %q, want %q", output, want)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.service != "invoker-of-a-test" || r.headers.Get("X-Team") != "docs" {
		t.Errorf("service = %q, headers = %v, want those of the variables", r.service, r.headers)
	}
	for _, span := range r.spans {
		if strings.Contains(span.Name, "healthz") || strings.Contains(span.String(), "CANARY") {
			t.Errorf("there is a span %v", span)
		}
	}
}

// Without OpenTelemetry a valid traceparent goes to the job as it came, and a malformed one
// does not. The caller's own variable counts more.
func TestTraceparentWithoutOpenTelemetry(t *testing.T) {
	t.Parallel()
	s := tracedUp(t)
	const valid = "00-" + callerTrace + "-" + callerSpan + "-01"
	for _, test := range []struct{ header, body, want string }{
		{valid, `{}`, valid},
		{"", `{}`, ""},
		{"00-" + callerTrace + "-0000000000000000-01", `{}`, ""},
		{"00-nonsense-01", `{}`, ""},
		{valid, `{"env":{"TRACEPARENT":"mine"}}`, "mine"},
	} {
		if got := s.runTraced(t, test.header, test.body); got != test.want+"\n" {
			t.Errorf("traceparent %q with %s: the job has %q, want %q", test.header, test.body, got, test.want)
		}
	}
}

// A trace that its caller does not sample has no spans, and still goes to the job.
func TestTraceThatIsNotSampled(t *testing.T) {
	t.Parallel()
	r := startSpanReceiver(t)
	s := tracedUp(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+r.url, "OTEL_BSP_SCHEDULE_DELAY=10")
	output := s.runTraced(t, "00-"+callerTrace+"-"+callerSpan+"-00", `{}`)
	if !strings.HasPrefix(output, "00-"+callerTrace+"-") || !strings.HasSuffix(output, "-00\n") {
		t.Errorf("TRACEPARENT of the job = %q, want the trace, not sampled", output)
	}
	if err := s.stop(); err != nil { // sends the last spans
		t.Error(err)
	}
	if all := r.named("accept", callerTrace); len(all) > 0 {
		t.Errorf("there are spans: %v", all)
	}
}

// Variables that ask for what runwith cannot do are a mistake.
func TestTraceVariables(t *testing.T) {
	t.Parallel()
	for variables, want := range map[string]string{
		"OTEL_TRACES_EXPORTER=zipkin": `OTEL_TRACES_EXPORTER "zipkin": must be otlp or none`,
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317 OTEL_EXPORTER_OTLP_PROTOCOL=grpc": `OTEL_EXPORTER_OTLP_PROTOCOL "grpc": must be http/protobuf`,
	} {
		cmd := exec.Command("runwith", "engine", "--addr", "127.0.0.1:0", "--data", t.TempDir())
		cmd.Env = append(os.Environ(), strings.Fields(variables)...)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("engine with %s = %v, %s, want %q", variables, err, out, want)
		}
	}
}
