package cloudrun

import (
	"strconv"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/jobspec"
)

// completed is the type of the condition that decides an execution.
const completed = "Completed"

// StatusOf reads an execution. The operation of a run does not show how it ended: it ends
// without an error for a cancelled execution too.
func StatusOf(e *runpb.Execution) ledger.Status {
	s := ledger.Status{
		State:   stateOf(e),
		UID:     e.GetUid(),
		Started: timeOf(e.GetStartTime()),
		Counts: runwith.Counts{
			Tasks:     int(e.GetTaskCount()),
			Running:   int(e.GetRunningCount()),
			Succeeded: int(e.GetSucceededCount()),
			Failed:    int(e.GetFailedCount()),
			Cancelled: int(e.GetCancelledCount()),
			Retried:   int(e.GetRetriedCount()),

			Interrupted: interruptions(e),
		},
	}
	if s.State != runwith.StateRunning {
		s.Finished = timeOf(e.GetCompletionTime())
	}
	if s.State == runwith.StateFailed {
		s.Error = failureOf(e)
	}
	return s
}

// stateOf takes from the Completed condition whether the execution has ended, and from the
// counts how. An execution can fail before any task exists.
func stateOf(e *runpb.Execution) runwith.State {
	condition := completion(e.GetConditions())
	switch condition.GetState() {
	case runpb.Condition_CONDITION_SUCCEEDED, runpb.Condition_CONDITION_FAILED:
	default:
		return runwith.StateRunning
	}
	switch {
	case condition.GetExecutionReason() == runpb.Condition_CANCELLED:
		return runwith.StateCancelled
	case e.GetFailedCount() > 0:
		return runwith.StateFailed
	case e.GetCancelledCount() > 0:
		return runwith.StateCancelled
	case condition.GetState() == runpb.Condition_CONDITION_FAILED:
		return runwith.StateFailed
	}
	return runwith.StateSucceeded
}

// completion returns the Completed condition, or nil if there is none yet.
func completion(conditions []*runpb.Condition) *runpb.Condition {
	for _, c := range conditions {
		if c.GetType() == completed {
			return c
		}
	}
	return nil
}

// failureOf tells a job that failed by itself from an execution that could not run.
// ABORTED means that a task exited with another code than 0, which Cloud Run's message
// names. UNKNOWN means that Cloud Run gives no reason.
func failureOf(e *runpb.Execution) *runwith.Failure {
	condition := completion(e.GetConditions())
	reason, code := conditionReason(condition), reasonCode(condition.GetReason())
	switch {
	case reason == runwith.ReasonTimeout:
		code = runwith.DeadlineExceeded
	case condition.GetExecutionReason() == runpb.Condition_NON_ZERO_EXIT_CODE:
		code = runwith.Aborted
	}
	message := condition.GetMessage()
	if message == "" {
		message = "The execution failed, and Cloud Run does not say why: look at its output."
	}
	return &runwith.Failure{Code: code.String(), Reason: reason, Message: message}
}

// reasonCode returns the canonical code of Cloud Run's reason.
func reasonCode(reason runpb.Condition_CommonReason) runwith.Code {
	switch reason {
	case runpb.Condition_CONTAINER_MISSING, runpb.Condition_VPC_NETWORK_NOT_FOUND:
		return runwith.NotFound
	case runpb.Condition_CONTAINER_PERMISSION_DENIED, runpb.Condition_CONTAINER_IMAGE_UNAUTHORIZED,
		runpb.Condition_ENCRYPTION_KEY_PERMISSION_DENIED, runpb.Condition_SECRETS_ACCESS_CHECK_FAILED:
		return runwith.PermissionDenied
	case runpb.Condition_PROGRESS_DEADLINE_EXCEEDED:
		return runwith.DeadlineExceeded
	case runpb.Condition_INTERNAL:
		return runwith.Internal
	}
	return runwith.Unknown
}

// interruptions returns how often an engine interrupted a task of the execution.
func interruptions(e *runpb.Execution) int {
	n, err := strconv.Atoi(e.GetAnnotations()[jobspec.InterruptedAnnotation])
	if err != nil {
		return 0 // Google's Cloud Run has no such annotation
	}
	return max(0, n)
}

func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}
