package cloudrun

import (
	"context"
	"errors"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"github.com/googleapis/gax-go/v2"
	"golang.org/x/net/http2"
	"golang.org/x/oauth2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/runwith/runwith"
)

func TestRun(t *testing.T) {
	t.Parallel()
	want := &runpb.Execution{Name: "projects/demo/locations/us-east4/jobs/report/executions/report-abcde"}
	var asked *runpb.RunJobRequest
	s := &server{run: func(_ context.Context, r *runpb.RunJobRequest) (*runpb.Execution, error) {
		asked = r
		return want, nil
	}}
	c := s.start(t)
	overrides := &runpb.RunJobRequest_Overrides{TaskCount: 3}

	got, err := c.Run(t.Context(), "report", overrides)
	if err != nil {
		t.Fatalf("Run() = %v", err)
	}
	if diff := cmp.Diff(want, got.Execution, protocmp.Transform()); diff != "" {
		t.Errorf("Run() (-want +got):\n%s", diff)
	}
	if want := "projects/demo/locations/us-east4/operations/1"; got.Operation != want {
		t.Errorf("operation of the run = %q, want %q", got.Operation, want)
	}
	wantAsked := &runpb.RunJobRequest{Name: "projects/demo/locations/us-east4/jobs/report", Overrides: overrides}
	if diff := cmp.Diff(wantAsked, asked, protocmp.Transform()); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	for _, name := range []string{"idempotency-key", "x-idempotency-key", "authorization"} {
		if v := s.metadata().Get(name); v != nil {
			t.Errorf("the run was sent with %s: %q", name, v)
		}
	}
}

// TestRunIsNotRetried gives the library the retries that it does not have by
// default, and sees that they are not used.
func TestRunIsNotRetried(t *testing.T) {
	t.Parallel()
	s := &server{run: func(context.Context, *runpb.RunJobRequest) (*runpb.Execution, error) {
		return nil, status.Error(codes.Unavailable, "the service is not there")
	}}
	c := s.start(t)
	c.jobs.CallOptions.RunJob = []gax.CallOption{gax.WithRetry(func() gax.Retryer {
		return gax.OnCodes([]codes.Code{codes.Unavailable}, gax.Backoff{Initial: time.Millisecond, Max: time.Millisecond})
	})}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()

	_, err := c.Run(ctx, "report", nil)
	if got := OutcomeOf(err); got != Unknown {
		t.Errorf("OutcomeOf(%v) = %v, want %v", err, got, Unknown)
	}
	if got := s.runs.Load(); got != 1 {
		t.Errorf("%d calls arrived, want 1", got)
	}
	if e, _ := errors.AsType[*runwith.Error](err); e == nil || e.Code != runwith.Unavailable || e.Message != "the service is not there" {
		t.Errorf("Run() = %#v, want Cloud Run's own code and message", err)
	}
}

// TestRunIsSentOnce provokes what gRPC repeats also with retries disabled: a
// stream that the server says it did not process.
func TestRunIsSentOnce(t *testing.T) {
	t.Parallel()
	for _, code := range []http2.ErrCode{
		http2.ErrCodeRefusedStream,
		http2.ErrCodeEnhanceYourCalm,    // RESOURCE_EXHAUSTED to gRPC
		http2.ErrCodeInadequateSecurity, // PERMISSION_DENIED to gRPC
		http2.ErrCodeCancel,
		http2.ErrCodeInternal,
	} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			endpoint, streams := resetting(t, code)
			c := dial(t, Config{Endpoint: endpoint})

			_, err := c.Run(t.Context(), "report", nil)
			if got := OutcomeOf(err); got != Unknown {
				t.Errorf("OutcomeOf(%v) = %v, want %v", err, got, Unknown)
			}
			if got := streams.Load(); got != 1 {
				t.Errorf("%d streams arrived, want 1", got)
			}
		})
	}
}

func TestRunServerDies(t *testing.T) {
	t.Parallel()
	s := &server{}
	s.run = func(ctx context.Context, _ *runpb.RunJobRequest) (*runpb.Execution, error) {
		go s.grpc.Stop()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	c := s.start(t)

	_, err := c.Run(t.Context(), "report", nil)
	if got := OutcomeOf(err); got != Unknown {
		t.Errorf("OutcomeOf(%v) = %v, want %v", err, got, Unknown)
	}
}

func TestRunDeadlineAfterTheRequest(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := &server{run: func(ctx context.Context, _ *runpb.RunJobRequest) (*runpb.Execution, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	c := s.start(t)

	_, err := c.Run(ctx, "report", nil)
	if got := OutcomeOf(err); got != Unknown {
		t.Errorf("OutcomeOf(%v) = %v, want %v", err, got, Unknown)
	}
}

func TestRunNotSent(t *testing.T) {
	t.Parallel()
	closed := listen(t)
	_ = closed.Close()
	silent := listen(t) // takes the connection, and never speaks
	t.Cleanup(func() { _ = silent.Close() })
	live := (&server{}).start(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	t.Cleanup(cancel)

	for name, test := range map[string]struct {
		ctx    context.Context
		config Config
		code   runwith.Code
	}{
		"connection refused":   {t.Context(), Config{Endpoint: "http://" + closed.Addr().String()}, runwith.Unavailable},
		"no handshake in time": {soon, Config{Endpoint: "http://" + silent.Addr().String()}, runwith.DeadlineExceeded},
		"caller gave up":       {ended, Config{Endpoint: live.endpoint}, runwith.Canceled},
		"no token":             {t.Context(), Config{Endpoint: live.endpoint, Token: noToken{}}, runwith.Unauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, test.config)
			_, err := c.Run(test.ctx, "report", nil)
			if !errors.Is(err, ErrNotSent) || OutcomeOf(err) != NotStarted {
				t.Errorf("Run() = %v (%v), want ErrNotSent", err, OutcomeOf(err))
			}
			if got := runwith.CodeOf(err); got != test.code {
				t.Errorf("CodeOf(%v) = %v, want %v", err, got, test.code)
			}
		})
	}
}

func TestRunWithoutExecution(t *testing.T) {
	t.Parallel()
	s := &server{run: func(context.Context, *runpb.RunJobRequest) (*runpb.Execution, error) {
		return &runpb.Execution{}, nil
	}}
	_, err := s.start(t).Run(t.Context(), "report", nil)
	if got := OutcomeOf(err); got != Unknown {
		t.Errorf("OutcomeOf(%v) = %v, want %v", err, got, Unknown)
	}
}

type noToken struct{}

func (noToken) Token() (*oauth2.Token, error) { return nil, errors.New("the metadata server is gone") }
