package cloudrun

import (
	"cmp"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
)

// TaskOf returns a task as callers see it.
func TaskOf(t *runpb.Task) runwith.Task {
	task := runwith.Task{
		Index: int(t.GetIndex()), State: taskState(t),
		Started: timeOf(t.GetStartTime()), Finished: timeOf(t.GetCompletionTime()),
	}
	task.Attempts = attempts(t, task.State)
	last := t.GetLastAttemptResult()
	switch {
	case task.State == runwith.TaskSucceeded:
		task.ExitCode = new(0)
		return task
	case last.GetTermSignal() != 0:
		task.Signal = int(last.GetTermSignal())
	case last.GetExitCode() != 0:
		task.ExitCode = new(int(last.GetExitCode()))
	}
	task.Message = last.GetStatus().GetMessage()
	if task.State == runwith.TaskFailed {
		task.Message = cmp.Or(task.Message, completion(t.GetConditions()).GetMessage())
	}
	return task
}

// taskState takes the state from the Completed condition. A task that waits for a retry is
// pending, although it has a start time.
func taskState(t *runpb.Task) runwith.TaskState {
	condition := completion(t.GetConditions())
	switch condition.GetState() {
	case runpb.Condition_CONDITION_SUCCEEDED:
		return runwith.TaskSucceeded
	case runpb.Condition_CONDITION_FAILED:
		if taskFailed(t) {
			return runwith.TaskFailed
		}
		return runwith.TaskCancelled
	case runpb.Condition_CONDITION_PENDING:
		if t.GetRetried() > 0 {
			return runwith.TaskPending
		}
	}
	if t.GetStartTime() == nil {
		return runwith.TaskPending
	}
	return runwith.TaskRunning
}

// attempts returns how many attempts of a task have begun. Cloud Run counts a retry as soon as
// the attempt before it has failed.
func attempts(t *runpb.Task, state runwith.TaskState) int {
	if state == runwith.TaskPending || t.GetStartTime() == nil && state == runwith.TaskCancelled {
		return int(t.GetRetried())
	}
	return int(t.GetRetried()) + 1
}
