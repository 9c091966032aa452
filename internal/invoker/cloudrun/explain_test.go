package cloudrun

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/runwith/runwith"
)

// tasks are the pages of an execution's tasks. errs fail the read of the page, or of the
// output at -1.
type tasks struct {
	pages [][]*runpb.Task
	errs  map[int]error
}

func (s tasks) TaskPage(_ context.Context, _, token string) ([]*runpb.Task, string, error) {
	n := len(token)
	if err := s.errs[n]; err != nil {
		return nil, "", err
	}
	if n+1 < len(s.pages) {
		return s.pages[n], token + "x", nil
	}
	return s.pages[n], "", nil
}

func (s tasks) Stderr(_ context.Context, execution string, task, attempt int) ([]string, error) {
	return []string{fmt.Sprint(execution, " ", task, " ", attempt)}, s.errs[-1]
}

// task returns a failed task that may be retried twice.
func task(index, retried int32, result *runpb.TaskAttemptResult) *runpb.Task {
	return &runpb.Task{
		Index: index, Retried: retried, MaxRetries: 2, Timeout: durationpb.New(time.Minute), LastAttemptResult: result,
		Conditions: []*runpb.Condition{{Type: "Completed", State: runpb.Condition_CONDITION_FAILED}},
	}
}

func said(code int32, message string) *statuspb.Status {
	return &statuspb.Status{Code: code, Message: message}
}

// TestExplainAttempts explains a single task that failed in each way.
func TestExplainAttempts(t *testing.T) {
	t.Parallel()
	const exit, timeout, memory = runwith.ReasonNonZeroExitCode, runwith.ReasonTimeout, runwith.ReasonOutOfMemory
	exited := said(10, "The container exited with an error.")
	for name, test := range map[string]struct {
		result  *runpb.TaskAttemptResult
		retries int32
		want    string
		code    string
		reason  runwith.Reason
	}{
		"exit":           {&runpb.TaskAttemptResult{Status: exited, ExitCode: 1}, 2, "task 0 exited with code 1 in attempt 2 of 3", "ABORTED", exit},
		"exit 255":       {&runpb.TaskAttemptResult{Status: exited, ExitCode: 255}, 2, "task 0 exited with code 255 in attempt 2 of 3", "ABORTED", exit},
		"no retries":     {&runpb.TaskAttemptResult{Status: exited, ExitCode: 2}, 0, "task 0 exited with code 2 in its only attempt", "ABORTED", exit},
		"killed":         {&runpb.TaskAttemptResult{Status: exited, ExitCode: 137}, 2, "task 0 exited with code 137, which stands for signal 9 (SIGKILL), in attempt 2 of 3", "ABORTED", exit},
		"signal":         {&runpb.TaskAttemptResult{Status: exited, TermSignal: 15}, 2, "task 0 was ended by signal 15 (SIGTERM) in attempt 2 of 3", "ABORTED", exit},
		"strange signal": {&runpb.TaskAttemptResult{Status: exited, TermSignal: 63}, 2, "task 0 was ended by signal 63 in attempt 2 of 3", "ABORTED", exit},
		"timeout":        {&runpb.TaskAttemptResult{Status: said(4, "over"), TermSignal: 15}, 2, "task 0 reached its timeout of 1m0s in attempt 2 of 3", "DEADLINE_EXCEEDED", timeout},
		"Google's timeout": {&runpb.TaskAttemptResult{Status: said(10, "The configured timeout was reached.")}, 2,
			"task 0 reached its timeout of 1m0s in attempt 2 of 3", "DEADLINE_EXCEEDED", timeout},
		"memory": {&runpb.TaskAttemptResult{Status: said(10, "The configured memory limit was reached."), ExitCode: 137}, 2,
			"task 0 exited with code 137, which stands for signal 9 (SIGKILL), in attempt 2 of 3: The configured memory limit was reached", "ABORTED", memory},
		"memory in numbers": {&runpb.TaskAttemptResult{Status: said(10, "Memory limit of 512 MiB exceeded with 530 MiB used."), TermSignal: 9}, 2,
			"task 0 was ended by signal 9 (SIGKILL) in attempt 2 of 3: Memory limit of 512 MiB exceeded with 530 MiB used", "ABORTED", memory},
		"no start": {&runpb.TaskAttemptResult{Status: said(13, "Application failed to start: no such file.")}, 2,
			"task 0 failed in attempt 2 of 3: Application failed to start: no such file", "ABORTED", runwith.ReasonStartFailed},
		"no image": {&runpb.TaskAttemptResult{Status: said(13, "Application failed to start: Image 'x' cannot be pulled. denied.")}, 2,
			"task 0 failed in attempt 2 of 3: Application failed to start: Image 'x' cannot be pulled. denied", "ABORTED", runwith.ReasonImagePull},
		"nothing is known": {nil, 2, "task 0 failed in attempt 2 of 3", "ABORTED", exit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failed := task(0, 1, test.result)
			failed.MaxRetries = test.retries
			got, err := Explain(t.Context(), tasks{pages: [][]*runpb.Task{{failed}}}, execution(1, 1))
			if err != nil {
				t.Fatal(err)
			}
			ofTask := test.reason
			if test.result == nil {
				ofTask = "" // the execution has one
			}
			exitCode, signal := int(test.result.GetExitCode()), int(test.result.GetTermSignal())
			want := &runwith.Failure{
				Code: test.code, Reason: test.reason, Message: test.want,
				Task: new(0), Attempt: new(1), ExitCode: exitCode, Signal: signal, Stderr: []string{"e 0 1"},
				Tasks: []runwith.TaskFailure{{Attempts: 2, Reason: ofTask, ExitCode: exitCode, Signal: signal, Message: test.result.GetStatus().GetMessage()}},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Explain() (-want +got):\n%s", diff)
			}
		})
	}
}

// execution returns a failed execution.
func execution(count, failed int32) *runpb.Execution {
	return &runpb.Execution{Name: "e", TaskCount: count, FailedCount: failed, Conditions: []*runpb.Condition{{
		Type: "Completed", State: runpb.Condition_CONDITION_FAILED, Message: "Cloud Run's own",
		Reasons: &runpb.Condition_ExecutionReason_{ExecutionReason: runpb.Condition_NON_ZERO_EXIT_CODE},
	}}}
}

// TestExplainExecutions explains executions of many tasks, and such that cannot be read.
func TestExplainExecutions(t *testing.T) {
	t.Parallel()
	exit := func(index, code int32) *runpb.Task { return task(index, 0, &runpb.TaskAttemptResult{ExitCode: code}) }
	good := &runpb.Task{Conditions: []*runpb.Condition{{Type: "Completed", State: runpb.Condition_CONDITION_SUCCEEDED}}}
	many := make([]*runpb.Task, 30)
	for i := range many {
		many[i] = exit(int32(i), 1)
	}
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		from          tasks
		count, failed int32
		want          string
		tasks         int
		stderr        bool
		err           error
	}{
		"one of three":      {tasks{pages: [][]*runpb.Task{{good, exit(1, 3), good}}}, 3, 1, "1 of 3 tasks failed: task 1 exited with code 3 in attempt 1 of 3", 1, true, nil},
		"on a second page":  {tasks{pages: [][]*runpb.Task{{good}, {exit(1, 3)}}}, 2, 1, "1 of 2 tasks failed: task 1 exited with code 3 in attempt 1 of 3", 1, true, nil},
		"without tasks":     {tasks{pages: [][]*runpb.Task{nil}}, 0, 0, "Cloud Run's own", 0, false, nil},
		"fewer than none":   {tasks{pages: [][]*runpb.Task{{exit(0, 3)}}}, 1, -1, "Cloud Run's own", 0, false, nil},
		"tasks are unread":  {tasks{errs: map[int]error{0: broken}}, 1, 1, "Cloud Run's own", 0, false, broken},
		"output is unread":  {tasks{pages: [][]*runpb.Task{{exit(0, 3)}}, errs: map[int]error{-1: broken}}, 1, 1, "task 0 exited with code 3 in attempt 1 of 3", 1, true, broken},
		"a page is unread":  {tasks{pages: [][]*runpb.Task{{exit(0, 3)}, nil}, errs: map[int]error{1: broken}}, 2, 2, "2 of 2 tasks failed: task 0 exited with code 3 in attempt 1 of 3; and 1 more", 1, true, broken},
		"more than is told": {tasks{pages: [][]*runpb.Task{many}}, 30, 30, "30 of 30 tasks failed: task 0 exited with code 1 in attempt 1 of 3; task 1 exited with code 1 in attempt 1 of 3; task 2 exited with code 1 in attempt 1 of 3; and 27 more", 10, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Explain(t.Context(), test.from, execution(test.count, test.failed))
			if got.Message != test.want || len(got.Tasks) != test.tasks || !errors.Is(err, test.err) {
				t.Errorf("Explain() = %+v, %v, want %q with %d tasks, %v", got, err, test.want, test.tasks, test.err)
			}
			if len(got.Tasks) > 0 && (got.Stderr != nil) != test.stderr {
				t.Errorf("stderr = %q, want some: %t", got.Stderr, test.stderr)
			}
		})
	}
}
