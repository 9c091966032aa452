package cloudrun

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/runwith/runwith"
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
