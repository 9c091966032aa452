package api_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	run "cloud.google.com/go/run/apiv2"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/grpc/codes"

	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/googlejson"
	"github.com/runwith/runwith/internal/eventually"
)

// held returns a job whose tasks write their process IDs to dir/INDEX and run until dir/go
// exists.
func held(dir string) *runpb.Job {
	job := shell(`echo $$ > "$1/tmp.$CLOUD_RUN_TASK_INDEX" && mv "$1/tmp.$CLOUD_RUN_TASK_INDEX" "$1/$CLOUD_RUN_TASK_INDEX"
		while [ ! -e "$1/go" ]; do sleep 0.01; done`)
	job.Template.Template.Containers[0].Args = []string{dir}
	return job
}

// start runs hello and returns its running execution.
func (c *client) start(t *testing.T) (*runpb.Execution, *run.RunJobOperation) {
	t.Helper()
	return c.startJob(t, hello)
}

func (c *client) startJob(t *testing.T, name string) (*runpb.Execution, *run.RunJobOperation) {
	t.Helper()
	op, err := c.jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: name})
	if err != nil {
		t.Fatalf("RunJob() = %v", err)
	}
	x, err := op.Metadata()
	if err != nil {
		t.Fatalf("RunJob().Metadata() = %v", err)
	}
	return x, op
}

// pidIn waits for a file and returns the process ID in it.
func pidIn(t *testing.T, file string) int {
	t.Helper()
	var raw []byte
	eventually.NoError(t, func() (err error) {
		raw, err = os.ReadFile(file)
		return err
	})
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func alive(t *testing.T, pid int) bool {
	t.Helper()
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer p.Release()
	return p.Signal(syscall.Signal(0)) == nil
}

func open(t *testing.T, gate string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(gate, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (c *client) execution(t *testing.T, name string) *runpb.Execution {
	t.Helper()
	x, err := c.executions.GetExecution(t.Context(), &runpb.GetExecutionRequest{Name: name})
	if err != nil {
		t.Fatalf("GetExecution(%q) = %v", name, err)
	}
	return x
}

// wantCode requires an error with a code and words in its message.
func wantCode(t *testing.T, call string, err error, code codes.Code, words string) {
	t.Helper()
	if codeOf(err) != code || err != nil && !says(err, words) {
		t.Errorf("%s = %v, want %v that says %q", call, err, code, words)
	}
}

// says reports whether an error has words in its message. Over REST the names of fields in
// them have JSON's spelling, which Google's clients send.
func says(err error, words string) bool {
	text := fmt.Sprint(err)
	return strings.Contains(text, words) || strings.Contains(text, googlejson.Camel(words))
}

func TestCancelRunningExecution(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		dir := t.TempDir()
		c.create(t, held(dir))
		x, runOp := c.start(t)
		pid := pidIn(t, filepath.Join(dir, "0"))
		cancel := func(req *runpb.CancelExecutionRequest) (*runpb.Execution, error) {
			req.Name = x.Name
			op, err := c.executions.CancelExecution(t.Context(), req)
			if err != nil {
				return nil, err
			}
			return op.Wait(t.Context())
		}

		if _, err := cancel(&runpb.CancelExecutionRequest{ValidateOnly: true}); err != nil {
			t.Errorf("CancelExecution(validate_only) = %v", err)
		}
		_, err := cancel(&runpb.CancelExecutionRequest{Etag: `"stale"`})
		wantCode(t, "CancelExecution() with a stale etag", err, codes.Aborted, "etag")
		now := c.execution(t, x.Name)
		if got, want := counts(now), [5]int32{1, 0, 0, 0, 0}; got != want || completed(now).GetReasons() != nil {
			t.Fatalf("before the cancel: counts = %v, Completed = %v; want %v and no reason", got, completed(now), want)
		}

		ended, err := cancel(&runpb.CancelExecutionRequest{Etag: now.Etag})
		if err != nil {
			t.Fatalf("CancelExecution() = %v", err)
		}
		if alive(t, pid) {
			t.Error("the task's process is still there after its cancel")
		}
		wantCancelled(t, ended, 1)
		if _, err := runOp.Wait(t.Context()); err != nil {
			t.Errorf("RunJob().Wait() of a cancelled run = %v, want no error", err)
		}

		again, err := cancel(&runpb.CancelExecutionRequest{})
		if err != nil {
			t.Fatalf("a second CancelExecution() = %v", err)
		}
		if again.Etag != ended.Etag || !again.CompletionTime.AsTime().Equal(ended.CompletionTime.AsTime()) {
			t.Errorf("a second cancel changed the execution to %v, from %v", again, ended)
		}
	})
}

// wantCancelled requires an execution that was cancelled with all its tasks.
func wantCancelled(t *testing.T, x *runpb.Execution, tasks int32) {
	t.Helper()
	if got, want := counts(x), [5]int32{0, 0, 0, tasks, 0}; got != want {
		t.Errorf("counts = %v, want %v", got, want)
	}
	done := completed(x)
	if done.GetState() != runpb.Condition_CONDITION_FAILED {
		t.Errorf("Completed = %v, want it failed", done)
	}
	if done.GetExecutionReason() != runpb.Condition_CANCELLED {
		t.Errorf("Completed = %v, want it cancelled", done)
	}
	if x.Reconciling {
		t.Error("the cancelled execution is reconciling")
	}
	if x.CompletionTime == nil {
		t.Error("the cancelled execution has no completion time")
	}
}

func TestCancelWaitingExecution(t *testing.T) {
	t.Parallel()
	everyClientOf(t, engine.Config{MaxTasks: 1}, func(t *testing.T, _ *server, c *client) {
		dir := t.TempDir()
		c.create(t, held(dir))
		first, firstOp := c.start(t)
		pidIn(t, filepath.Join(dir, "0"))
		waiting, _ := c.start(t)
		if done := completed(waiting); done.GetState() != runpb.Condition_CONDITION_PENDING || waiting.StartTime != nil {
			t.Errorf("an execution behind --max-tasks: Completed = %v, start time %v; want it pending", done, waiting.StartTime)
		}
		op, err := c.executions.CancelExecution(t.Context(), &runpb.CancelExecutionRequest{Name: waiting.Name})
		if err != nil {
			t.Fatal(err)
		}
		ended, err := op.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wantCancelled(t, ended, 1)
		if ended.StartTime != nil {
			t.Errorf("start time = %v of an execution that never started", ended.StartTime)
		}
		task, err := c.tasks.GetTask(t.Context(), &runpb.GetTaskRequest{Name: taskName(ended, 0)})
		if err != nil {
			t.Fatal(err)
		}
		if task.LastAttemptResult != nil {
			t.Errorf("last attempt of its task = %v, want none", task.LastAttemptResult)
		}
		if task.StartTime != nil {
			t.Errorf("its task started at %v, want never", task.StartTime.AsTime())
		}
		if task.CompletionTime == nil {
			t.Error("its task has no completion time")
		}
		if got := c.execution(t, first.Name); got.RunningCount != 1 {
			t.Errorf("the other execution's counts = %v, want it to go on", counts(got))
		}
		open(t, dir)
		if _, err := firstOp.Wait(t.Context()); err != nil {
			t.Errorf("RunJob().Wait() of the other execution = %v", err)
		}
	})
}

func TestCancelEndedExecution(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		c.create(t, shell("exit $1"))
		for _, code := range []string{"0", "1"} {
			x := c.run(t, &runpb.RunJobRequest_Overrides{
				ContainerOverrides: []*runpb.RunJobRequest_Overrides_ContainerOverride{{Args: []string{code}}},
			})
			_, err := c.executions.CancelExecution(t.Context(), &runpb.CancelExecutionRequest{Name: x.Name})
			wantCode(t, "CancelExecution() after exit "+code, err, codes.FailedPrecondition, "has ended")
			if after := c.execution(t, x.Name); after.Etag != x.Etag {
				t.Errorf("a refused cancel changed the execution to %v", after)
			}
		}
		_, err := c.executions.CancelExecution(t.Context(), &runpb.CancelExecutionRequest{Name: hello + "/executions/hello-none"})
		wantCode(t, "CancelExecution() of nothing", err, codes.NotFound, "hello-none")
	})
}
