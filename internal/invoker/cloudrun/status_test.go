package cloudrun

import (
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

func ended(state runpb.Condition_State, reason runpb.Condition_ExecutionReason) []*runpb.Condition {
	c := &runpb.Condition{Type: "Completed", State: state, Message: "as Cloud Run says"}
	if reason != 0 {
		c.Reasons = &runpb.Condition_ExecutionReason_{ExecutionReason: reason}
	}
	return []*runpb.Condition{{Type: "ResourcesAvailable", State: runpb.Condition_CONDITION_SUCCEEDED}, c}
}

func TestStatusOfState(t *testing.T) {
	t.Parallel()
	const (
		good = runpb.Condition_CONDITION_SUCCEEDED
		bad  = runpb.Condition_CONDITION_FAILED
	)
	for name, test := range map[string]struct {
		execution *runpb.Execution
		want      runwith.State
	}{
		"new":     {&runpb.Execution{TaskCount: 2}, runwith.StateRunning},
		"running": {&runpb.Execution{Conditions: ended(runpb.Condition_CONDITION_RECONCILING, 0), RunningCount: 1}, runwith.StateRunning},
		"another condition": {&runpb.Execution{Conditions: []*runpb.Condition{{Type: "Started", State: good}},
			CompletionTime: timestamppb.Now()}, runwith.StateRunning},
		"cancelling":            {&runpb.Execution{Conditions: ended(runpb.Condition_CONDITION_RECONCILING, runpb.Condition_CANCELLING), CancelledCount: 1}, runwith.StateRunning},
		"succeeded":             {&runpb.Execution{Conditions: ended(good, 0), TaskCount: 2, SucceededCount: 2}, runwith.StateSucceeded},
		"failed":                {&runpb.Execution{Conditions: ended(bad, runpb.Condition_NON_ZERO_EXIT_CODE), TaskCount: 2, SucceededCount: 1, FailedCount: 1}, runwith.StateFailed},
		"failed before a task":  {&runpb.Execution{Conditions: ended(bad, 0), TaskCount: 2}, runwith.StateFailed},
		"good, but a task not":  {&runpb.Execution{Conditions: ended(good, 0), TaskCount: 2, SucceededCount: 1, FailedCount: 1}, runwith.StateFailed},
		"cancelled":             {&runpb.Execution{Conditions: ended(bad, runpb.Condition_CANCELLED), TaskCount: 2, CancelledCount: 2}, runwith.StateCancelled},
		"cancelled by counts":   {&runpb.Execution{Conditions: ended(bad, 0), TaskCount: 2, SucceededCount: 1, CancelledCount: 1}, runwith.StateCancelled},
		"cancelled, but good":   {&runpb.Execution{Conditions: ended(good, 0), TaskCount: 2, CancelledCount: 2}, runwith.StateCancelled},
		"failed, rest cut":      {&runpb.Execution{Conditions: ended(bad, runpb.Condition_NON_ZERO_EXIT_CODE), FailedCount: 1, CancelledCount: 1}, runwith.StateFailed},
		"cancelled, one failed": {&runpb.Execution{Conditions: ended(bad, runpb.Condition_CANCELLED), FailedCount: 1, CancelledCount: 1}, runwith.StateCancelled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := StatusOf(test.execution).State; got != test.want {
				t.Errorf("StatusOf(%v).State = %v, want %v", test.execution, got, test.want)
			}
		})
	}
}

func TestStatusOf(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	got := StatusOf(&runpb.Execution{
		Conditions: ended(runpb.Condition_CONDITION_FAILED, runpb.Condition_NON_ZERO_EXIT_CODE),
		StartTime:  timestamppb.New(began), CompletionTime: timestamppb.New(began.Add(time.Minute)),
		TaskCount: 6, RunningCount: 1, SucceededCount: 2, FailedCount: 1, CancelledCount: 2, RetriedCount: 4,
	})
	want := ledger.Status{
		State: runwith.StateFailed, Started: began, Finished: began.Add(time.Minute),
		Counts: runwith.Counts{Tasks: 6, Running: 1, Succeeded: 2, Failed: 1, Cancelled: 2, Retried: 4},
		Error:  &runwith.Failure{Code: "ABORTED", Reason: runwith.ReasonNonZeroExitCode, Message: "as Cloud Run says"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("StatusOf() (-want +got):\n%s", diff)
	}
}

func TestStatusOfFailure(t *testing.T) {
	t.Parallel()
	for reason, want := range map[runpb.Condition_CommonReason]struct {
		code   string
		reason runwith.Reason
	}{
		runpb.Condition_CONTAINER_MISSING:                          {"NOT_FOUND", runwith.ReasonImagePull},
		runpb.Condition_CONTAINER_PERMISSION_DENIED:                {"PERMISSION_DENIED", runwith.ReasonImagePull},
		runpb.Condition_CONTAINER_IMAGE_UNAUTHORIZED:               {"PERMISSION_DENIED", runwith.ReasonImagePull},
		runpb.Condition_CONTAINER_IMAGE_AUTHORIZATION_CHECK_FAILED: {"UNKNOWN", runwith.ReasonImagePull},
		runpb.Condition_SECRETS_ACCESS_CHECK_FAILED:                {"PERMISSION_DENIED", "SecretsAccessCheckFailed"},
		runpb.Condition_ENCRYPTION_KEY_PERMISSION_DENIED:           {"PERMISSION_DENIED", "EncryptionKeyPermissionDenied"},
		runpb.Condition_VPC_NETWORK_NOT_FOUND:                      {"NOT_FOUND", "VpcNetworkNotFound"},
		runpb.Condition_PROGRESS_DEADLINE_EXCEEDED:                 {"DEADLINE_EXCEEDED", "ProgressDeadlineExceeded"},
		runpb.Condition_INTERNAL:                                   {"INTERNAL", "Internal"},
		runpb.Condition_UNKNOWN:                                    {"UNKNOWN", ""},
		runpb.Condition_COMMON_REASON_UNDEFINED:                    {"UNKNOWN", ""},
		runpb.Condition_CommonReason(1000):                         {"UNKNOWN", ""},
	} {
		execution := &runpb.Execution{Conditions: []*runpb.Condition{{Type: "Completed", State: runpb.Condition_CONDITION_FAILED,
			Message: "why", Reasons: &runpb.Condition_Reason{Reason: reason}}}}
		if got := StatusOf(execution).Error; got.Code != want.code || got.Reason != want.reason || got.Message != "why" {
			t.Errorf("StatusOf(%v).Error = %+v, want %v with Cloud Run's message", reason, got, want)
		}
	}
}

// TestStatusOfFailureByMessage reads the messages that are more exact than their reason.
func TestStatusOfFailureByMessage(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]struct {
		code   string
		reason runwith.Reason
	}{
		"Task x-task0 failed with message: The configured timeout was reached.":      {"DEADLINE_EXCEEDED", runwith.ReasonTimeout},
		"Task x-task0 failed with message: The configured memory limit was reached.": {"ABORTED", runwith.ReasonOutOfMemory},
		"Task x-task0 failed with message: Application failed to start: no.":         {"ABORTED", runwith.ReasonStartFailed},
		"Task x-task0 failed with message: The container exited with an error.":      {"ABORTED", runwith.ReasonNonZeroExitCode},
		"Image 'gcr.io/a/b:c' not found.":                                            {"ABORTED", runwith.ReasonImagePull},
	} {
		conditions := ended(runpb.Condition_CONDITION_FAILED, runpb.Condition_NON_ZERO_EXIT_CODE)
		conditions[1].Message = message
		if got := StatusOf(&runpb.Execution{Conditions: conditions}).Error; got.Code != want.code || got.Reason != want.reason {
			t.Errorf("StatusOf(%q).Error = %+v, want %v", message, got, want)
		}
	}
	late := ended(runpb.Condition_CONDITION_FAILED, runpb.Condition_DELAYED_EXECUTION_EXCEEDING_DURATION_LIMIT)
	if got, want := StatusOf(&runpb.Execution{Conditions: late}).Error.Reason, runwith.Reason("DelayedExecutionExceedingDurationLimit"); got != want {
		t.Errorf("reason = %q, want %q", got, want)
	}
}

// TestStatusCountsInterruptions reads the annotation of an engine.
func TestStatusCountsInterruptions(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]int{"": 0, "2": 2, "-1": 0, "many": 0} {
		x := &runpb.Execution{Annotations: map[string]string{"engine.runwith/interrupted": value}}
		if got := StatusOf(x).Counts.Interrupted; got != want {
			t.Errorf("interruptions of %q = %d, want %d", value, got, want)
		}
	}
}
