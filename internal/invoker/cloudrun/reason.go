package cloudrun

import (
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
)

// Cloud Run's messages about an attempt. It has no reason for a timeout or the memory limit:
// NON_ZERO_EXIT_CODE stands for every failed attempt, so the message decides.
const (
	exitedWithError = "The container exited with an error."
	timeoutReached  = "The configured timeout was reached."
	memoryReached   = "The configured memory limit was reached."
	memoryExceeded  = "Memory limit of "
	notStarted      = "Application failed to start: "
)

// conditionReason returns the reason of a failed condition of an execution or a task. The
// message of an execution's condition repeats that of the task.
func conditionReason(c *runpb.Condition) runwith.Reason {
	if reason := messageReason(c.GetMessage()); reason != "" {
		return reason
	}
	switch reason := c.GetReasons().(type) {
	case *runpb.Condition_Reason:
		return commonReason(reason.Reason)
	case *runpb.Condition_ExecutionReason_:
		return spelledReason(int32(reason.ExecutionReason), reason.ExecutionReason.String())
	}
	return ""
}

// messageReason returns the reason that one of Cloud Run's messages stands for, or "".
func messageReason(message string) runwith.Reason {
	switch {
	case strings.Contains(message, timeoutReached):
		return runwith.ReasonTimeout
	case strings.Contains(message, memoryReached), strings.Contains(message, memoryExceeded):
		return runwith.ReasonOutOfMemory
	case imageMissing(message):
		return runwith.ReasonImagePull
	case strings.Contains(message, notStarted):
		return runwith.ReasonStartFailed
	}
	return ""
}

// imageMissing reports whether a message says that an image is missing: "Image 'hello' not
// found." or, with an engine, "Image 'hello' cannot be pulled."
func imageMissing(message string) bool {
	_, after, found := strings.Cut(message, "Image '")
	if !found {
		return false
	}
	_, problem, _ := strings.Cut(after, "' ")
	return strings.HasPrefix(problem, "not found") || strings.HasPrefix(problem, "cannot be pulled")
}

// commonReason joins the reasons about an image into one, because callers do not branch on
// their difference; the code and the message tell it.
func commonReason(reason runpb.Condition_CommonReason) runwith.Reason {
	switch reason {
	case runpb.Condition_CONTAINER_MISSING, runpb.Condition_CONTAINER_PERMISSION_DENIED,
		runpb.Condition_CONTAINER_IMAGE_UNAUTHORIZED, runpb.Condition_CONTAINER_IMAGE_AUTHORIZATION_CHECK_FAILED:
		return runwith.ReasonImagePull
	case runpb.Condition_UNKNOWN:
		return ""
	}
	return spelledReason(int32(reason), reason.String())
}

// spelledReason returns an enum's value in the spelling of API v1: NON_ZERO_EXIT_CODE is
// NonZeroExitCode. The undefined value and one that this program does not know are no reason.
func spelledReason(number int32, name string) runwith.Reason {
	if number == 0 || name[0] < 'A' {
		return ""
	}
	var spelled strings.Builder
	for word := range strings.SplitSeq(name, "_") {
		spelled.WriteString(word[:1] + strings.ToLower(word[1:]))
	}
	return runwith.Reason(spelled.String())
}

// taskReason returns why the last attempt of a failed task failed. The code of its status is
// the engine's, and the message is Google's.
func taskReason(t *runpb.Task) runwith.Reason {
	last := t.GetLastAttemptResult()
	if runwith.Code(last.GetStatus().GetCode()) == runwith.DeadlineExceeded {
		return runwith.ReasonTimeout
	}
	if reason := messageReason(last.GetStatus().GetMessage()); reason != "" {
		return reason
	}
	if last.GetExitCode() != 0 || last.GetTermSignal() != 0 {
		return runwith.ReasonNonZeroExitCode
	}
	return conditionReason(completion(t.GetConditions()))
}
