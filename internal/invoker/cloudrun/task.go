package cloudrun

import (
	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
)

// TaskOf returns a task as callers see it.
func TaskOf(t *runpb.Task) runwith.Task {
	shown := runwith.Task{
		Index: int(t.GetIndex()), State: taskState(t), Started: timeOf(t.GetStartTime()), Finished: timeOf(t.GetCompletionTime()),
	}
	if !shown.Started.IsZero() {
		shown.Attempts = 1 + int(t.GetRetried())
	}
	last := t.GetLastAttemptResult()
	if last == nil {
		return shown
	}
	code := int(last.GetExitCode())
	shown.Signal, shown.Message = int(last.GetTermSignal()), last.GetStatus().GetMessage()
	if shown.Signal == 0 && (code != 0 || shown.Message == "") {
		shown.ExitCode = &code
	}
	return shown
}

// taskState takes from the Completed condition whether a task has ended, and how.
func taskState(t *runpb.Task) runwith.TaskState {
	condition := completion(t.GetConditions())
	switch condition.GetState() {
	case runpb.Condition_CONDITION_SUCCEEDED:
		return runwith.TaskSucceeded
	case runpb.Condition_CONDITION_FAILED:
		if condition.GetExecutionReason() == runpb.Condition_CANCELLED {
			return runwith.TaskCancelled
		}
		return runwith.TaskFailed
	}
	if t.GetStartTime() != nil {
		return runwith.TaskRunning
	}
	return runwith.TaskPending
}
