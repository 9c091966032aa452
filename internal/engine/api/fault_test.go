package api_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	run "cloud.google.com/go/run/apiv2"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/api"
	"github.com/runwith/runwith/internal/engine/fault"
)

// planOf parses rules.
func planOf(t *testing.T, rules ...string) *fault.Plan {
	t.Helper()
	var parsed []fault.Rule
	for _, text := range rules {
		rule, err := fault.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, rule)
	}
	return fault.New(1, parsed...)
}

// everyFaultyClient is everyClient with faults of calls. Each server has the job hello.
func everyFaultyClient(t *testing.T, rules []string, test func(t *testing.T, s *server, c *client)) {
	t.Helper()
	for name, dial := range dials {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openFaulty(t, t.TempDir(), engine.Config{}, planOf(t, rules...))
			c := dial(t, s)
			c.create(t, shell("true"))
			test(t, s, c)
		})
	}
}

func runHello(t *testing.T, c *client) error {
	t.Helper()
	_, err := c.jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: hello})
	return err
}

func TestAnswer503TakesEffect(t *testing.T) {
	t.Parallel()
	everyFaultyClient(t, []string{"RunJob: answer-503, n=1, after=1"}, func(t *testing.T, _ *server, c *client) {
		if err := runHello(t, c); err != nil {
			t.Errorf("the first RunJob() = %v, want no error", err)
		}
		err := runHello(t, c)
		wantCode(t, "the second RunJob()", err, codes.Unavailable, "The service is currently unavailable.")
		if rest, ok := errors.AsType[*googleapi.Error](err); ok && rest.Code != http.StatusServiceUnavailable {
			t.Errorf("HTTP status = %d, want 503", rest.Code)
		}
		if got := c.executionNames(t, hello); len(got) != 2 {
			t.Errorf("executions = %v, want 2: the second call has started one", got)
		}
		if err := runHello(t, c); err != nil {
			t.Errorf("the third RunJob() = %v, want no error", err)
		}
	})
}

func TestFaultsKeepErrors(t *testing.T) {
	t.Parallel()
	everyFaultyClient(t, []string{"RunJob: answer-503"}, func(t *testing.T, _ *server, c *client) {
		_, err := c.jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: parent + "/jobs/none"})
		wantCode(t, "RunJob() of no job", err, codes.NotFound, "'none'")
	})
}

func TestAnswerLostBreaksTheStream(t *testing.T) {
	t.Parallel()
	everyFaultyClient(t, []string{"RunJob: answer-lost, n=1"}, func(t *testing.T, _ *server, c *client) {
		err := runHello(t, c)
		if s, ok := status.FromError(err); ok {
			if s.Code() != codes.Internal || !strings.Contains(s.Message(), "RST_STREAM") {
				t.Errorf("RunJob() = %v, want the stream reset", err)
			}
		} else if !errors.Is(err, io.EOF) {
			t.Errorf("RunJob() = %v, want the connection closed without an answer", err)
		}
		if got := c.executionNames(t, hello); len(got) != 1 {
			t.Errorf("executions = %v, want 1: the call has started it", got)
		}
		if err := runHello(t, c); err != nil {
			t.Errorf("the next RunJob() = %v, want no error", err)
		}
	})
}

// The server resets the stream and keeps the connection, so other calls continue.
func TestAnswerLostKeepsTheConnection(t *testing.T) {
	t.Parallel()
	s := openFaulty(t, t.TempDir(), engine.Config{}, planOf(t, "RunJob: answer-lost"))
	var dialed atomic.Int32
	jobs, err := run.NewJobsClient(t.Context(), option.WithEndpoint(s.addr), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
		option.WithGRPCDialOption(grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			dialed.Add(1)
			return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		})))
	if err != nil {
		t.Fatal(err)
	}
	defer jobs.Close()
	dialREST(t, s).create(t, shell("true"))
	for range 3 {
		if _, err := jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: hello}); status.Code(err) != codes.Internal {
			t.Errorf("RunJob() = %v, want the stream reset", err)
		}
		if _, err := jobs.GetJob(t.Context(), &runpb.GetJobRequest{Name: hello}); err != nil {
			t.Errorf("GetJob() beside lost answers = %v, want no error", err)
		}
	}
	if n := dialed.Load(); n != 1 {
		t.Errorf("the client has connected %d times, want once", n)
	}
}

// The HTTP client sees no answer.
func TestAnswerLostOverHTTP(t *testing.T) {
	t.Parallel()
	s := openFaulty(t, t.TempDir(), engine.Config{}, planOf(t, "GetJob: answer-lost"))
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /v2/"+hello+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); err != nil || len(answer) > 0 {
		t.Errorf("the answer is %q, %v; want the connection closed without one", answer, err)
	}
}

func TestQuota429HasNoEffect(t *testing.T) {
	t.Parallel()
	everyFaultyClient(t, []string{"RunJob: quota-429, n=1", "ListExecutions: quota-429=1500ms, n=1"}, func(t *testing.T, s *server, c *client) {
		err := runHello(t, c)
		wantCode(t, "RunJob()", err, codes.ResourceExhausted, "Quota exceeded for quota metric 'Job run requests' "+
			"and limit 'Job run requests per minute per region' of service 'run.googleapis.com' for consumer 'project_number:123456789012'.")
		if rest, ok := errors.AsType[*googleapi.Error](err); ok && (rest.Code != http.StatusTooManyRequests || rest.Header.Get("Retry-After") != "") {
			t.Errorf("HTTP status and Retry-After = %d, %q; want 429 and none", rest.Code, rest.Header.Get("Retry-After"))
		}
		res, err := http.Get(s.url + "/v2/" + hello + "/executions")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") != "2" || !bytes.Contains(body, []byte("'Read requests'")) {
			t.Errorf("GET executions = %d with Retry-After %q: %s; want 429, 2 and the quota of reads", res.StatusCode, res.Header.Get("Retry-After"), body)
		}
		if got := c.executionNames(t, hello); len(got) != 0 {
			t.Errorf("executions = %v, want none", got)
		}
	})
}

func TestFaultsAreLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := newServer(t)
	handler, err := api.New(api.Config{
		Engine: s.engine, Faults: planOf(t, "GetJob: quota-429, after=1"),
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/v2/"+hello, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		handler.ServeHTTP(discard{http.Header{}}, r)
	}
	for _, want := range []string{
		`msg="fault of a call" method=GetJob call=1 fault=none`,
		`msg="fault of a call" method=GetJob call=2 fault=quota-429`,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, &log)
		}
	}
}

// discard is an answer that nobody reads.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

// gRPC's own transport cannot lose an answer.
func TestServeGRPCRefusesFaults(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, test := range []struct {
		rules []string
		says  string
	}{
		{[]string{"RunJob: answer-lost"}, "served as a handler"},
		{[]string{"listed-late=1s"}, "closed"},
	} {
		server, err := api.New(api.Config{Engine: s.engine, Faults: planOf(t, test.rules...)})
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		if err := server.ServeGRPC(t.Context(), l, nil); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%q: ServeGRPC() = %v, want an error that says %q", test.rules, err, test.says)
		}
	}
}
