package api_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/iterator"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// counts are an execution's counts in the order running, succeeded, failed,
// cancelled, retried.
func counts(x *runpb.Execution) [5]int32 {
	return [5]int32{x.RunningCount, x.SucceededCount, x.FailedCount, x.CancelledCount, x.RetriedCount}
}

func completed(x *runpb.Execution) *runpb.Condition {
	for _, c := range x.Conditions {
		if c.Type == "Completed" {
			return c
		}
	}
	return nil
}

func TestSucceededExecution(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		c.create(t, shell("exit 0"))
		x := c.run(t, nil)
		id := x.Name[strings.LastIndexByte(x.Name, '/')+1:]
		if !strings.HasPrefix(x.Name, hello+"/executions/hello-") || len(id) != len("hello-12345") {
			t.Errorf("name = %q, want %s/executions/hello- and five characters", x.Name, hello)
		}
		if got, want := counts(x), [5]int32{0, 1, 0, 0, 0}; got != want {
			t.Errorf("counts = %v, want %v", got, want)
		}
		done := completed(x)
		if done.GetState() != runpb.Condition_CONDITION_SUCCEEDED || !strings.HasPrefix(done.GetMessage(), "Execution completed successfully in ") {
			t.Errorf("Completed = %v, want it to be met", done)
		}
		if x.Reconciling {
			t.Error("an execution that has ended is reconciling")
		}
		if x.StartTime == nil {
			t.Error("an execution that has ended has no start time")
		}
		if x.CompletionTime == nil {
			t.Error("an execution that has ended has no completion time")
		}
		if x.CompletionTime.AsTime().Before(x.StartTime.AsTime()) {
			t.Errorf("execution ended at %v, before its start at %v", x.CompletionTime.AsTime(), x.StartTime.AsTime())
		}
	})
}

func TestTasksGetTheirIndexAndAttempt(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, s *server, c *client) {
		job := shell(`echo "$CLOUD_RUN_JOB $CLOUD_RUN_EXECUTION $CLOUD_RUN_TASK_INDEX/$CLOUD_RUN_TASK_COUNT $CLOUD_RUN_TASK_ATTEMPT"`)
		job.Template.TaskCount, job.Template.Parallelism = 3, 1
		c.create(t, job)
		x := c.run(t, nil)
		id := x.Name[strings.LastIndexByte(x.Name, '/')+1:]
		want := []string{"hello " + id + " 0/3 0", "hello " + id + " 1/3 0", "hello " + id + " 2/3 0"}
		if diff := cmp.Diff(want, s.output(t, x)); diff != "" {
			t.Errorf("output of tasks in sequence differs (-want +got):\n%s", diff)
		}
	})
}

func TestParallelTasksRunTogether(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, s *server, c *client) {
		// Each task waits for the other, so that they end only if they run together.
		dir := t.TempDir()
		job := shell(`touch "$1/$CLOUD_RUN_TASK_INDEX"; while [ ! -e "$1/0" ] || [ ! -e "$1/1" ]; do sleep 0.01; done; echo met`)
		job.Template.TaskCount, job.Template.Parallelism = 2, 2
		job.Template.Template.Containers[0].Args = []string{dir}
		c.create(t, job)
		x := c.run(t, nil)
		if diff := cmp.Diff([]string{"met", "met"}, s.output(t, x)); diff != "" {
			t.Errorf("output differs (-want +got):\n%s", diff)
		}
	})
}

func TestOperationOfAFailedRun(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, s *server, c *client) {
		job := shell(`echo "attempt $CLOUD_RUN_TASK_ATTEMPT"; exit 7`)
		job.Template.Template.Retries = &runpb.TaskTemplate_MaxRetries{MaxRetries: 2}
		c.create(t, job)
		op, err := c.jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: hello})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := op.Wait(t.Context()); !strings.Contains(status.Convert(err).Message(), "failed with message: The container exited with an error.") {
			t.Errorf("RunJob().Wait() = %v, want the container's error", err)
		}
		meta, err := op.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		x, err := c.executions.GetExecution(t.Context(), &runpb.GetExecutionRequest{Name: meta.Name})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := counts(x), [5]int32{0, 0, 1, 0, 1}; got != want {
			t.Errorf("counts = %v, want %v", got, want)
		}
		done := completed(x)
		if done.GetState() != runpb.Condition_CONDITION_FAILED || done.GetExecutionReason() != runpb.Condition_NON_ZERO_EXIT_CODE {
			t.Errorf("Completed = %v, want it failed for an exit code", done)
		}
		if diff := cmp.Diff([]string{"attempt 0", "attempt 1", "attempt 2"}, s.output(t, x)); diff != "" {
			t.Errorf("output differs (-want +got):\n%s", diff)
		}
	})
}

func TestMissingCommandFailsTheExecution(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		job := shell("")
		job.Template.Template.Containers[0].Command = []string{"no-such-command"}
		c.create(t, job)
		x := c.run(t, nil)
		if got, want := counts(x), [5]int32{0, 0, 1, 0, 0}; got != want {
			t.Errorf("counts = %v, want %v", got, want)
		}
		if message := completed(x).GetMessage(); !strings.Contains(message, "no-such-command") {
			t.Errorf("Completed says %q, want it to name the command", message)
		}
	})
}

func TestTimeoutFailsATaskDespiteExitCodeZero(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		job := shell(`trap 'exit 0' TERM; while :; do sleep 0.05; done`)
		job.Template.Template.Timeout = seconds(1)
		c.create(t, job)
		x := c.run(t, nil)
		if got, want := counts(x), [5]int32{0, 0, 1, 0, 0}; got != want {
			t.Errorf("counts = %v, want %v", got, want)
		}
		if message := completed(x).GetMessage(); !strings.Contains(message, "The configured timeout was reached.") {
			t.Errorf("Completed says %q, want the timeout", message)
		}
	})
}

func TestDeletedJobStopsItsExecutions(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		c.create(t, shell("sleep 1000"))
		op, err := c.jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: hello})
		if err != nil {
			t.Fatal(err)
		}
		deletion, err := c.jobs.DeleteJob(t.Context(), &runpb.DeleteJobRequest{Name: hello})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := deletion.Wait(t.Context()); err != nil {
			t.Errorf("DeleteJob().Wait() = %v", err)
		}
		x, err := op.Wait(t.Context())
		if err != nil {
			t.Fatalf("RunJob().Wait() of a deleted run = %v, want no error", err)
		}
		if got, want := counts(x), [5]int32{0, 0, 0, 1, 0}; got != want {
			t.Errorf("counts = %v, want %v", got, want)
		}
		if reason := completed(x).GetExecutionReason(); reason != runpb.Condition_DELETED {
			t.Errorf("reason = %v, want DELETED", reason)
		}
		_, err = c.jobs.GetJob(t.Context(), &runpb.GetJobRequest{Name: hello})
		if code := codeOf(err); code != codes.NotFound {
			t.Errorf("GetJob() of a deleted job = %v, want NotFound", err)
		}
	})
}

func TestExecutionsAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		c.create(t, shell("true"))
		var want []string
		for range 3 {
			want = append([]string{c.run(t, nil).Name}, want...)
		}
		for _, of := range []string{hello, parent + "/jobs/-"} {
			if got := c.executionNames(t, of); !slices.Equal(got, want) {
				t.Errorf("ListExecutions(%s) = %v, want %v", of, got, want)
			}
		}
	})
}

func (c *client) executionNames(t *testing.T, of string) (names []string) {
	t.Helper()
	all := c.executions.ListExecutions(t.Context(), &runpb.ListExecutionsRequest{Parent: of, PageSize: 2})
	for {
		x, err := all.Next()
		if errors.Is(err, iterator.Done) {
			return names
		}
		if err != nil {
			t.Fatalf("ListExecutions(%s) = %v", of, err)
		}
		names = append(names, x.Name)
	}
}
