package cloudrun

import (
	"context"
	"fmt"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/runwith/runwith"
)

// outcomes maps every code to its outcome, like the table in the code.
var outcomes = map[runwith.Code]Outcome{
	runwith.OK:                 Started,
	runwith.Canceled:           Unknown,
	runwith.Unknown:            Unknown,
	runwith.InvalidArgument:    Refused,
	runwith.DeadlineExceeded:   Unknown,
	runwith.NotFound:           Refused,
	runwith.AlreadyExists:      Unknown,
	runwith.PermissionDenied:   Refused,
	runwith.ResourceExhausted:  NotStarted,
	runwith.FailedPrecondition: Refused,
	runwith.Aborted:            Unknown,
	runwith.OutOfRange:         Unknown,
	runwith.Unimplemented:      Unknown,
	runwith.Internal:           Unknown,
	runwith.Unavailable:        Unknown,
	runwith.DataLoss:           Unknown,
	runwith.Unauthenticated:    NotStarted,
}

// TestOutcomeOf walks every code over the wire, as the server's own answer.
func TestOutcomeOf(t *testing.T) {
	t.Parallel()
	if len(outcomes) != 17 {
		t.Fatalf("%d codes in the table, want all 17", len(outcomes))
	}
	for code, want := range outcomes {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			s := &server{run: func(context.Context, *runpb.RunJobRequest) (*runpb.Execution, error) {
				return &runpb.Execution{Name: "e"}, status.Error(codes.Code(uint32(code)), "as Cloud Run says")
			}}
			_, err := s.start(t).Run(t.Context(), "report", nil)
			if got := OutcomeOf(err); got != want {
				t.Errorf("OutcomeOf(%v) = %v, want %v", err, got, want)
			}
			if got := runwith.CodeOf(err); got != code {
				t.Errorf("CodeOf(%v) = %v, want %v", err, got, code)
			}
			if err != nil && err.Error() != "as Cloud Run says" {
				t.Errorf("Run() = %q, want Cloud Run's message", err)
			}
			if got := s.runs.Load(); got != 1 {
				t.Errorf("%d calls arrived, want 1", got)
			}
		})
	}
}

func TestOutcomeOfOtherErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want Outcome
	}{
		{fmt.Errorf("plain"), Unknown},
		{context.DeadlineExceeded, Unknown},
		{fmt.Errorf("run: %w", runwith.Errorf(runwith.NotFound, "no job")), Refused},
		{&runwith.Error{Code: runwith.Unavailable, Err: fmt.Errorf("%w: refused", ErrNotSent)}, NotStarted},
	} {
		if got := OutcomeOf(test.err); got != test.want {
			t.Errorf("OutcomeOf(%v) = %v, want %v", test.err, got, test.want)
		}
	}
}
