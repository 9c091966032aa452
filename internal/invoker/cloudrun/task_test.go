package cloudrun

import (
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
)

func TestTaskOf(t *testing.T) {
	t.Parallel()
	began, ended := time.Unix(100, 0).UTC(), time.Unix(130, 0).UTC()
	completed := func(state runpb.Condition_State, reason runpb.Condition_ExecutionReason) []*runpb.Condition {
		c := &runpb.Condition{Type: "Completed", State: state, Message: "of the condition"}
		if reason != 0 {
			c.Reasons = &runpb.Condition_ExecutionReason_{ExecutionReason: reason}
		}
		return []*runpb.Condition{{Type: "Started", State: runpb.Condition_CONDITION_SUCCEEDED}, c}
	}
	failed := completed(runpb.Condition_CONDITION_FAILED, runpb.Condition_NON_ZERO_EXIT_CODE)
	said := func(text string) *statuspb.Status { return &statuspb.Status{Message: text} }
	for name, test := range map[string]struct {
		task *runpb.Task
		want runwith.Task
	}{
		"no condition yet": {&runpb.Task{Index: 7}, runwith.Task{Index: 7, State: runwith.TaskPending}},
		"running": {
			&runpb.Task{StartTime: timestamppb.New(began), Conditions: completed(runpb.Condition_CONDITION_RECONCILING, 0)},
			runwith.Task{State: runwith.TaskRunning, Attempts: 1, Started: began},
		},
		"second attempt runs": {
			&runpb.Task{
				StartTime: timestamppb.New(began), Retried: 1, Conditions: completed(runpb.Condition_CONDITION_RECONCILING, 0),
				LastAttemptResult: &runpb.TaskAttemptResult{ExitCode: 3, Status: said("why")},
			},
			runwith.Task{State: runwith.TaskRunning, Attempts: 2, Started: began, ExitCode: new(3), Message: "why"},
		},
		"waits for its retry": {
			&runpb.Task{
				StartTime: timestamppb.New(began), Retried: 1, Conditions: completed(runpb.Condition_CONDITION_PENDING, 0),
				LastAttemptResult: &runpb.TaskAttemptResult{TermSignal: 15},
			},
			runwith.Task{State: runwith.TaskPending, Attempts: 1, Started: began, Signal: 15},
		},
		"succeeded": {
			&runpb.Task{
				StartTime: timestamppb.New(began), CompletionTime: timestamppb.New(ended), Retried: 2,
				Conditions: completed(runpb.Condition_CONDITION_SUCCEEDED, 0), LastAttemptResult: &runpb.TaskAttemptResult{},
			},
			runwith.Task{State: runwith.TaskSucceeded, Attempts: 3, Started: began, Finished: ended, ExitCode: new(0)},
		},
		"failed": {
			&runpb.Task{
				StartTime: timestamppb.New(began), CompletionTime: timestamppb.New(ended), Conditions: failed,
				LastAttemptResult: &runpb.TaskAttemptResult{ExitCode: 137, Status: said("The configured memory limit was reached.")},
			},
			runwith.Task{
				State: runwith.TaskFailed, Attempts: 1, Started: began, Finished: ended, ExitCode: new(137),
				Message: "The configured memory limit was reached.",
			},
		},
		"failed without a result": {
			&runpb.Task{StartTime: timestamppb.New(began), Conditions: failed},
			runwith.Task{State: runwith.TaskFailed, Attempts: 1, Started: began, Message: "of the condition"},
		},
		"cancelled before its start": {
			&runpb.Task{CompletionTime: timestamppb.New(ended), Conditions: completed(runpb.Condition_CONDITION_FAILED, runpb.Condition_CANCELLED)},
			runwith.Task{State: runwith.TaskCancelled, Finished: ended},
		},
		"cancelled": {
			&runpb.Task{
				StartTime: timestamppb.New(began), Conditions: completed(runpb.Condition_CONDITION_FAILED, runpb.Condition_CANCELLED),
				LastAttemptResult: &runpb.TaskAttemptResult{TermSignal: 15},
			},
			runwith.Task{State: runwith.TaskCancelled, Attempts: 1, Started: began, Signal: 15},
		},
	} {
		if diff := cmp.Diff(test.want, TaskOf(test.task)); diff != "" {
			t.Errorf("%s: TaskOf (-want +got):\n%s", name, diff)
		}
	}
}
