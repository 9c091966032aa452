package engine

import (
	"testing"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// TestReasonOfExecution checks that a stop is the reason of an end only if it took effect,
// and not if every task had already ended by itself.
func TestReasonOfExecution(t *testing.T) {
	t.Parallel()
	const (
		none    = runpb.Condition_EXECUTION_REASON_UNDEFINED
		nonZero = runpb.Condition_NON_ZERO_EXIT_CODE
	)
	for _, test := range []struct {
		state state
		stop  stopReason
		want  runpb.Condition_ExecutionReason
	}{
		{pending, notStopped, none},
		{running, notStopped, none},
		{running, stopCancel, runpb.Condition_CANCELLING},
		{running, stopDelete, runpb.Condition_DELETED},
		{cancelled, stopCancel, runpb.Condition_CANCELLED},
		{cancelled, stopDelete, runpb.Condition_DELETED},
		{succeeded, notStopped, none},
		{succeeded, stopCancel, none},
		{failed, notStopped, nonZero},
		{failed, stopDelete, nonZero},
	} {
		row := &executionRow{state: test.state, stop: test.stop, counts: counts{tasks: 1}, message: &runpb.Execution{}}
		if got := row.completedCondition().GetExecutionReason(); got != test.want {
			t.Errorf("reason of a %s execution with stop %q = %v, want %v", test.state, test.stop, got, test.want)
		}
	}
}

// TestLostAttemptOfCancelledExecution checks that a lost attempt of a cancelled execution
// does not count as a success, because its result is unknown.
func TestLostAttemptOfCancelledExecution(t *testing.T) {
	t.Parallel()
	k := keeping(t, 10)
	k.create("held", "sleep 1000")
	x, operation := k.run("held")
	name, err := jobspec.ParseExecution(x.Name)
	if err != nil {
		t.Fatal(err)
	}
	err = k.write(t.Context(), func(tx *storeTx) error {
		row, err := tx.execution(name)
		if err != nil {
			return err
		}
		if err := tx.stopExecution(row.id, stopCancel); err != nil {
			return err
		}
		edit := tx.edit(k.live.find(row.id))
		for task := range 2 {
			if _, err := edit.lose(placement{task: task}); err != nil {
				return err
			}
		}
		edit.judge()
		return edit.save()
	})
	if err != nil {
		t.Fatal(err)
	}
	task, err := k.Task(t.Context(), &runpb.GetTaskRequest{Name: name.Task(0).String()})
	if err != nil || runwith.Code(task.GetLastAttemptResult().GetStatus().GetCode()) != runwith.Canceled {
		t.Errorf("last attempt of the task = %v, %v; want the status CANCELLED", task.GetLastAttemptResult(), err)
	}
	op, err := k.Operation(t.Context(), &longrunningpb.GetOperationRequest{Name: operation})
	if err != nil || !op.Done || op.GetError() != nil {
		t.Errorf("operation of the run = %v, %v; want it done without an error", op, err)
	}
}
