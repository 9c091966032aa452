package api_test

import (
	"path"
	"path/filepath"
	"slices"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/grpc/codes"
)

func TestDeleteRunningExecution(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		dir := t.TempDir()
		c.create(t, held(dir))
		x, runOp := c.start(t)
		pid := pidIn(t, filepath.Join(dir, "0"))
		remove := func(req *runpb.DeleteExecutionRequest) (*runpb.Execution, error) {
			req.Name = x.Name
			op, err := c.executions.DeleteExecution(t.Context(), req)
			if err != nil {
				return nil, err
			}
			return op.Wait(t.Context())
		}
		if _, err := remove(&runpb.DeleteExecutionRequest{ValidateOnly: true}); err != nil {
			t.Errorf("DeleteExecution(validate_only) = %v", err)
		}
		_, err := remove(&runpb.DeleteExecutionRequest{Etag: `"stale"`})
		wantCode(t, "DeleteExecution() with a stale etag", err, codes.Aborted, "etag")
		if got := counts(c.execution(t, x.Name)); got != [5]int32{1, 0, 0, 0, 0} {
			t.Fatalf("counts before the deletion = %v, want one running", got)
		}

		deleted, err := remove(&runpb.DeleteExecutionRequest{})
		if err != nil {
			t.Fatalf("DeleteExecution() = %v", err)
		}
		if alive(t, pid) {
			t.Error("the task's process is still there after its deletion")
		}
		if deleted.DeleteTime == nil {
			t.Error("the deleted execution has no deletion time")
		}
		if !deleted.ExpireTime.AsTime().After(deleted.DeleteTime.AsTime()) {
			t.Errorf("expire time = %v, want it after the deletion at %v", deleted.ExpireTime.AsTime(), deleted.DeleteTime.AsTime())
		}
		if done := completed(deleted); done.GetExecutionReason() != runpb.Condition_DELETED {
			t.Errorf("Completed = %v, want it deleted", done)
		}
		if deleted.CancelledCount != 1 {
			t.Errorf("cancelled tasks = %d, want 1", deleted.CancelledCount)
		}
		if _, err := runOp.Wait(t.Context()); err != nil {
			t.Errorf("RunJob().Wait() of a deleted run = %v, want no error", err)
		}
		c.wantGone(t, x.Name)
	})
}

// wantGone checks what remains of a deleted execution.
func (c *client) wantGone(t *testing.T, name string) {
	t.Helper()
	_, err := c.executions.GetExecution(t.Context(), &runpb.GetExecutionRequest{Name: name})
	wantCode(t, "GetExecution() of a deleted one", err, codes.NotFound, path.Base(name))
	_, err = c.executions.DeleteExecution(t.Context(), &runpb.DeleteExecutionRequest{Name: name})
	wantCode(t, "a second DeleteExecution()", err, codes.NotFound, path.Base(name))
	_, err = c.tasks.GetTask(t.Context(), &runpb.GetTaskRequest{Name: taskName(&runpb.Execution{Name: name}, 0)})
	wantCode(t, "GetTask() of a deleted execution", err, codes.NotFound, path.Base(name))
	_, err = c.tasks.ListTasks(t.Context(), &runpb.ListTasksRequest{Parent: name}).Next()
	wantCode(t, "ListTasks() of a deleted execution", err, codes.NotFound, path.Base(name))
	if names := c.executionNames(t, hello); slices.Contains(names, name) {
		t.Errorf("ListExecutions() = %v, want it without the deleted one", names)
	}
	all := c.executions.ListExecutions(t.Context(), &runpb.ListExecutionsRequest{Parent: hello, ShowDeleted: true})
	if x, err := all.Next(); err != nil || x.Name != name || x.DeleteTime == nil {
		t.Errorf("ListExecutions(show_deleted) = %v, %v, want the deleted one", x, err)
	}
}

func TestDeleteEndedExecution(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		c.create(t, shell("exit 0"))
		x := c.run(t, nil)
		op, err := c.executions.DeleteExecution(t.Context(), &runpb.DeleteExecutionRequest{Name: x.Name, Etag: x.Etag})
		if err != nil {
			t.Fatal(err)
		}
		deleted, err := op.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if done := completed(deleted); done.GetState() != runpb.Condition_CONDITION_SUCCEEDED || done.GetReasons() != nil || deleted.SucceededCount != 1 {
			t.Errorf("the deleted execution = %v, want it as it ended", deleted)
		}
		c.wantGone(t, x.Name)
	})
}

func TestCreateJobAfterDeleteOfRunningJob(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		dir := t.TempDir()
		c.create(t, held(dir))
		old, _ := c.start(t)
		pid := pidIn(t, filepath.Join(dir, "0"))
		deletion, err := c.jobs.DeleteJob(t.Context(), &runpb.DeleteJobRequest{Name: hello})
		if err != nil {
			t.Fatal(err)
		}
		created := c.create(t, shell("true")) // while the old one may still be ending
		if created.ExecutionCount != 0 || created.LatestCreatedExecution.GetName() != "" {
			t.Errorf("the new job = %v, want it without the old one's executions", created)
		}
		if _, err := deletion.Wait(t.Context()); err != nil {
			t.Errorf("DeleteJob().Wait() = %v", err)
		}
		if alive(t, pid) {
			t.Error("the task's process is still there after its job's deletion")
		}
		x := c.run(t, nil)
		if got := c.executionNames(t, hello); !slices.Equal(got, []string{x.Name}) {
			t.Errorf("ListExecutions() = %v, want %v alone and not %v", got, x.Name, old.Name)
		}
	})
}
