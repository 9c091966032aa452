package cloudrun

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
)

// large returns an execution of more than n bytes.
func large(n int) *runpb.Execution {
	return &runpb.Execution{Name: executionName, Template: &runpb.TaskTemplate{Containers: []*runpb.Container{{Args: []string{strings.Repeat("x", n)}}}}}
}

// TestRunWithLargeAnswer checks that gRPC's RESOURCE_EXHAUSTED for an answer that is too large
// does not count as Cloud Run's: the job has started.
func TestRunWithLargeAnswer(t *testing.T) {
	t.Parallel()
	s := &server{run: func(context.Context, *runpb.RunJobRequest) (*runpb.Execution, error) { return large(maxAnswer), nil }}
	_, err := s.start(t).Run(t.Context(), "report", nil)
	if got := OutcomeOf(err); got != Unknown {
		t.Errorf("OutcomeOf(%v) = %v, want %v", err, got, Unknown)
	}
	if !errors.Is(err, errTooLarge) {
		t.Errorf("Run() = %v, want errTooLarge", err)
	}
	if got := runwith.CodeOf(err); got != runwith.Internal {
		t.Errorf("CodeOf(%v) = %v, want %v", err, got, runwith.Internal)
	}
}

func TestLargeExecutionIsNotAwaited(t *testing.T) {
	t.Parallel()
	packed, err := anypb.New(large(maxHeldAnswer))
	if err != nil {
		t.Fatal(err)
	}
	c := (&server{ops: map[string]*longrunningpb.Operation{"runs": {Metadata: packed}}}).start(t)
	if _, err := c.AwaitEnd(t.Context(), "runs", time.Minute); !errors.Is(err, errTooLarge) {
		t.Errorf("AwaitEnd() = %v, want errTooLarge", err)
	}
}

// TestMessagesAreShortened has a Cloud Run and a Cloud Logging that send long texts.
func TestMessagesAreShortened(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 10*maxMessage)
	s := &server{
		run: func(context.Context, *runpb.RunJobRequest) (*runpb.Execution, error) {
			refused, err := status.New(codes.ResourceExhausted, long).WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Minute)})
			if err != nil {
				t.Error(err)
			}
			return nil, refused.Err()
		},
		execs: []*runpb.Execution{{Name: "e", Conditions: []*runpb.Condition{{Type: "Completed", Message: long}}}},
		tasks: func(*runpb.ListTasksRequest) *runpb.ListTasksResponse {
			return &runpb.ListTasksResponse{Tasks: []*runpb.Task{{
				Conditions:        []*runpb.Condition{{Type: "Completed", Message: long}},
				LastAttemptResult: &runpb.TaskAttemptResult{Status: &statuspb.Status{Message: long}},
			}}}
		},
	}
	c := s.start(t)
	texts := map[string]string{}
	_, err := c.Run(t.Context(), "report", nil)
	texts["error"], texts["cause"] = err.Error(), errors.Unwrap(err).Error()
	if got := RetryAfter(err); got != time.Minute {
		t.Errorf("RetryAfter() = %v, want %v", got, time.Minute)
	}
	if got := OutcomeOf(err); got != NotStarted {
		t.Errorf("OutcomeOf(%v) = %v, want %v", err, got, NotStarted)
	}
	e, err := c.Execution(t.Context(), "e")
	if err != nil {
		t.Fatal(err)
	}
	texts["execution"] = completion(e.GetConditions()).GetMessage()
	all, _, err := c.TaskPage(t.Context(), "e", "")
	if err != nil {
		t.Fatal(err)
	}
	texts["task"], texts["attempt"] = completion(all[0].GetConditions()).GetMessage(), all[0].GetLastAttemptResult().GetStatus().GetMessage()
	logs := startLogs(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"error": {"message": "`+long+`"}}`)
	})
	_, _, err = logs.LogEntries(t.Context(), executionName, Cursor{})
	texts["log"] = err.Error()
	for of, text := range texts {
		if !strings.HasSuffix(text, "...") {
			t.Errorf("text of the %s = %.40q, want one that is cut", of, text)
		}
		if len(text) > maxMessage+len("...") {
			t.Errorf("text of the %s has %d bytes, want at most %d", of, len(text), maxMessage+len("..."))
		}
	}
}

// TestLongNamesAreRefused has names that a store must not keep.
func TestLongNamesAreRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxName+1)
	for name, e := range map[string]*runpb.Execution{"name": {Name: long}, "uid": {Name: "e", Uid: long}, "job": {Name: "e", Job: long}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			packed, err := anypb.New(e)
			if err != nil {
				t.Fatal(err)
			}
			c := (&server{
				run:   func(context.Context, *runpb.RunJobRequest) (*runpb.Execution, error) { return e, nil },
				job:   &runpb.Job{Name: reportName, Uid: long},
				execs: []*runpb.Execution{e}, ops: map[string]*longrunningpb.Operation{"runs": {Metadata: packed}},
			}).start(t)
			_, running := c.Run(t.Context(), "report", nil)
			if got := OutcomeOf(running); got != Unknown {
				t.Errorf("OutcomeOf(%v) = %v, want %v", running, got, Unknown)
			}
			_, got := c.Execution(t.Context(), "e")
			_, _, listed := c.ExecutionPage(t.Context(), "report", "")
			_, awaited := c.AwaitEnd(t.Context(), "runs", time.Minute)
			_, job := c.Job(t.Context(), "report")
			for method, err := range map[string]error{"Run": running, "Execution": got, "ExecutionPage": listed, "AwaitEnd": awaited, "Job": job} {
				if err == nil || !strings.HasPrefix(err.Error(), "an answer of Cloud Run has a name of 1001 bytes, which begins with ") {
					t.Errorf("%s() = %v, want an error about the name", method, err)
				}
			}
		})
	}
}

// TestThrottled reads the header Retry-After, whose number may be larger than a duration.
func TestThrottled(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{
		"7": 7 * time.Second, "0": 0, "-5": 0, "10000000000": maxRetryAfter, "-10000000000": 0, "x": 0, "": 0, "99999999999999999999": 0,
	} {
		h := http.Header{"Retry-After": {value}}
		if got := cause.RetryAfterOf(throttled(h)); got != want {
			t.Errorf("Retry-After: %s = %v, want %v", value, got, want)
		}
	}
}
