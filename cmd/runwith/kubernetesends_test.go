//go:build unix

package main

import (
	"bufio"
	"os/exec"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/runwith/runwith/internal/kubetest"
	"github.com/runwith/runwith/internal/testneed"
)

// TestKubernetesByEveryEnd ends tasks in every way. They share an engine.
func TestKubernetesByEveryEnd(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	e := startPods(t, kubetest.Use(t).Namespace(t), smallPods)
	t.Cleanup(func() { e.checkNoPods(t) })
	for name, test := range map[string]func(*testing.T, *podEngine){
		"Cancelled":         cancelled,
		"Deleted":           deletedExecution,
		"DeletedByHand":     deletedByHand,
		"Evicted":           evicted,
		"OtherArchitecture": otherArchitecture,
		"OutOfMemory":       memoryExceeded,
		"Retried":           retried,
		"Sidecar":           withSidecar,
		"TimedOut":          timedOutTask,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, e)
		})
	}
}

// untilTerm is a script that runs until SIGTERM, and then fails with a code.
const untilTerm = `trap 'echo stops; exit 9' TERM; echo begins; while true; do sleep 0.1; done`

// checkAttempt checks the result of the last attempt of an execution's only task.
func (e *podEngine) checkAttempt(t *testing.T, execution string, exit int32, code codes.Code, message string) {
	t.Helper()
	got := e.tasks(t, execution)[0].GetLastAttemptResult()
	if got.GetExitCode() != exit || codes.Code(got.GetStatus().GetCode()) != code || got.GetStatus().GetMessage() != message {
		t.Errorf("the attempt's result = %v, want exit code %d, and %v with %q", got, exit, code, message)
	}
}

// checkOutput checks what the tasks of an execution printed.
func (e *podEngine) checkOutput(t *testing.T, execution, want string) {
	t.Helper()
	if got := e.output(t, execution); got != want {
		t.Errorf("output = %q, want %q", got, want)
	}
}

// cancelled follows the output of an execution that is cancelled while it runs.
func cancelled(t *testing.T, e *podEngine) {
	x := e.execute(t, "cancelled", script(untilTerm, 1, 0), nil)
	follow := exec.Command("runwith", "executions", "logs", "--follow", x, "--endpoint", e.url)
	output, err := follow.StdoutPipe()
	if err == nil {
		err = follow.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(output)
	if lines.Scan(); lines.Text() != "begins" {
		t.Errorf("the first line while the task runs = %q, want begins", lines.Text())
	}
	operation, err := e.executions(t).CancelExecution(t.Context(), &runpb.CancelExecutionRequest{Name: x})
	if err != nil {
		t.Fatal(err)
	}
	end, err := operation.Wait(t.Context())
	if err != nil || end.GetCancelledCount() != 1 || end.GetFailedCount() != 0 {
		t.Errorf("the cancelled execution = %v, %v, want one cancelled task", end, err)
	}
	if lines.Scan(); lines.Text() != "stops" {
		t.Errorf("the last line = %q, want stops", lines.Text())
	}
	if more := lines.Scan(); more {
		t.Errorf("there is another line %q", lines.Text())
	}
	if err := follow.Wait(); err != nil {
		t.Errorf("executions logs --follow: %v", err)
	}
	e.checkAttempt(t, x, 9, codes.Canceled, "The task was cancelled.")
	e.checkOutput(t, x, "begins\nstops\n")
}

// deletedExecution deletes an execution that runs.
func deletedExecution(t *testing.T, e *podEngine) {
	x := e.execute(t, "deleted", script(untilTerm, 1, 0), nil)
	e.awaitOutput(t, x, "begins")
	executions := e.executions(t)
	operation, err := executions.DeleteExecution(t.Context(), &runpb.DeleteExecutionRequest{Name: x})
	if err != nil {
		t.Fatal(err)
	}
	if end, err := operation.Wait(t.Context()); err != nil || end.GetCancelledCount() != 1 {
		t.Errorf("the deleted execution = %v, %v, want one cancelled task", end, err)
	}
	if _, err := executions.GetExecution(t.Context(), &runpb.GetExecutionRequest{Name: x}); status.Code(err) != codes.NotFound {
		t.Errorf("GetExecution() = %v, want NOT_FOUND", err)
	}
}

// timedOutTask gives a task a second.
func timedOutTask(t *testing.T, e *podEngine) {
	job := script(untilTerm, 1, 0)
	job.Template.Template.Timeout = durationpb.New(time.Second)
	x := e.execute(t, "slow", job, nil)
	if end := e.awaitEnd(t, x); end.GetFailedCount() != 1 {
		t.Errorf("failed tasks = %d, want 1", end.GetFailedCount())
	}
	e.checkAttempt(t, x, 9, codes.DeadlineExceeded, "The configured timeout was reached.")
	e.checkOutput(t, x, "begins\nstops\n")
}

// retried runs a task whose first attempt fails.
func retried(t *testing.T, e *podEngine) {
	job := script(`echo "attempt $CLOUD_RUN_TASK_ATTEMPT"; exit $((1 - CLOUD_RUN_TASK_ATTEMPT))`, 1, 0)
	job.Template.Template.Retries = &runpb.TaskTemplate_MaxRetries{MaxRetries: 1}
	x := e.execute(t, "retried", job, nil)
	if end := e.awaitEnd(t, x); end.GetSucceededCount() != 1 || end.GetRetriedCount() != 1 {
		t.Errorf("tasks succeeded and retried = %d, %d, want 1, 1", end.GetSucceededCount(), end.GetRetriedCount())
	}
	e.checkOutput(t, x, "attempt 0\n[0.1] attempt 1\n")
}

// memoryExceeded runs a task that needs more memory than it may have.
func memoryExceeded(t *testing.T, e *podEngine) {
	job := script("exec tail -c 500000000 /dev/zero", 1, 0)
	job.Template.Template.Containers[0].Resources = &runpb.ResourceRequirements{Limits: map[string]string{"memory": "128Mi"}}
	x := e.execute(t, "greedy", job, nil)
	e.awaitEnd(t, x)
	e.checkAttempt(t, x, 137, codes.Aborted, "The configured memory limit was reached.")
}

// otherArchitecture runs a program for another architecture. The output has the reason.
func otherArchitecture(t *testing.T, e *podEngine) {
	job := script("", 1, 0)
	job.Template.Template.Containers[0].Command = []string{"/bin/foreign"}
	x := e.execute(t, "foreign", job, nil)
	e.awaitEnd(t, x)
	if code := e.tasks(t, x)[0].GetLastAttemptResult().GetExitCode(); code == 0 {
		t.Error("exit code = 0, want another")
	}
	e.awaitOutput(t, x, "exec /bin/foreign: exec format error")
}
