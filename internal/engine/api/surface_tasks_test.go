package api_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/iterator"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/runwith/runwith/internal/engine"
)

// taskName returns the name of an execution's task.
func taskName(x *runpb.Execution, index int) string {
	return fmt.Sprintf("%s/tasks/%s-task%d", x.Name, x.Name[strings.LastIndexByte(x.Name, '/')+1:], index)
}

// taskNames pages through tasks, two a page.
func (c *client) taskNames(t *testing.T, req *runpb.ListTasksRequest) (names []string) {
	t.Helper()
	req.PageSize = 2
	all := c.tasks.ListTasks(t.Context(), req)
	for {
		task, err := all.Next()
		if errors.Is(err, iterator.Done) {
			return names
		}
		if err != nil {
			t.Fatalf("ListTasks(%v) = %v", req, err)
		}
		names = append(names, task.Name)
	}
}

// fates returns a job whose tasks end in every way, one after the other.
func fates() *runpb.Job {
	job := shell(`case $CLOUD_RUN_TASK_INDEX in
		0) exit 0;;
		1) exit 3;;
		2) kill -KILL $$;;
		3) kill -TERM $$;;
		4) exit $((2 - CLOUD_RUN_TASK_ATTEMPT));;
		esac`)
	job.Template.TaskCount, job.Template.Parallelism = 5, 1
	job.Template.Template.Retries = &runpb.TaskTemplate_MaxRetries{MaxRetries: 2}
	return job
}

func TestTasksHaveTheirLastResult(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		c.create(t, fates())
		x := c.run(t, nil)
		if got := [3]int32{x.SucceededCount, x.FailedCount, x.RunningCount}; got != [3]int32{2, 3, 0} {
			t.Errorf("succeeded, failed, running = %v, want 2, 3 and 0: every task runs, also after one has failed", got)
		}
		for index, want := range []struct {
			result  *runpb.TaskAttemptResult
			retried int32
			state   runpb.Condition_State
		}{
			{&runpb.TaskAttemptResult{}, 0, runpb.Condition_CONDITION_SUCCEEDED},
			{&runpb.TaskAttemptResult{ExitCode: 3}, 2, runpb.Condition_CONDITION_FAILED},
			{&runpb.TaskAttemptResult{ExitCode: 137}, 2, runpb.Condition_CONDITION_FAILED},
			{&runpb.TaskAttemptResult{TermSignal: 15}, 2, runpb.Condition_CONDITION_FAILED},
			{&runpb.TaskAttemptResult{}, 2, runpb.Condition_CONDITION_SUCCEEDED},
		} {
			task, err := c.tasks.GetTask(t.Context(), &runpb.GetTaskRequest{Name: taskName(x, index)})
			if err != nil {
				t.Fatalf("GetTask(%d) = %v", index, err)
			}
			got := proto.CloneOf(task.LastAttemptResult)
			status := got.GetStatus()
			got.Status = nil
			if diff := cmp.Diff(want.result, got, protocmp.Transform()); diff != "" || task.Retried != want.retried {
				t.Errorf("task %d: retried %d, last attempt differs (-want +got):\n%s", index, task.Retried, diff)
			}
			done := task.Conditions[0]
			if done.Type != "Completed" || done.State != want.state || (status.GetCode() == 0) != (done.State == runpb.Condition_CONDITION_SUCCEEDED) {
				t.Errorf("task %d: first condition %v, status %v; want Completed to be %v, and a status that agrees", index, done, status, want.state)
			}
			if failed := done.State == runpb.Condition_CONDITION_FAILED; failed != (done.GetExecutionReason() == runpb.Condition_NON_ZERO_EXIT_CODE) || failed != (status.GetMessage() != "") {
				t.Errorf("task %d: %v, status %v; want a reason and a message for a failure alone", index, done, status)
			}
		}
	})
}

func TestTaskHasTheTemplate(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		job := shell("true")
		job.Template.Labels = map[string]string{"team": "docs"}
		job.Template.Template.ServiceAccount = "me@demo.iam.gserviceaccount.com"
		c.create(t, job)
		x := c.run(t, nil)
		task, err := c.tasks.GetTask(t.Context(), &runpb.GetTaskRequest{Name: taskName(x, 0)})
		if err != nil {
			t.Fatal(err)
		}
		id := x.Name[strings.LastIndexByte(x.Name, '/')+1:]
		if task.Job != helloID {
			t.Errorf("job = %q, want %q", task.Job, helloID)
		}
		if task.Execution != id {
			t.Errorf("execution = %q, want %q", task.Execution, id)
		}
		if task.Index != 0 {
			t.Errorf("index = %d, want 0", task.Index)
		}
		if task.Uid == x.Uid {
			t.Errorf("UID = %q, the execution's, want one of its own", task.Uid)
		}
		if len(task.Uid) != 36 {
			t.Errorf("UID = %q, want 36 characters", task.Uid)
		}
		if task.Etag == "" {
			t.Error("the task has no etag")
		}
		if diff := cmp.Diff(x.Template, templateOf(task), protocmp.Transform()); diff != "" {
			t.Errorf("the task differs from its execution's template:\n%s", diff)
		}
		if team := task.Labels["team"]; team != "docs" {
			t.Errorf("label team = %q, want the execution's, docs", team)
		}
		if task.Reconciling {
			t.Error("a task that has ended is reconciling")
		}
		if task.StartTime == nil {
			t.Error("the task has no start time")
		}
		if task.CompletionTime == nil {
			t.Error("the task has no completion time")
		}
		if types := conditionTypes(task.Conditions); !slices.Equal(types, []string{"Completed", "Started", "ContainerReady"}) {
			t.Errorf("conditions = %v", types)
		}
		if types := conditionTypes(x.Conditions); !slices.Equal(types, []string{"Completed", "ResourcesAvailable", "Started", "ContainerReady"}) {
			t.Errorf("execution's conditions = %v", types)
		}
		if !strings.Contains(task.LogUri, "task_index") || !strings.Contains(x.LogUri, id) {
			t.Errorf("log URIs = %q, %q, want them to name the task and the execution", task.LogUri, x.LogUri)
		}
	})
}

func conditionTypes(conditions []*runpb.Condition) (types []string) {
	for _, c := range conditions {
		types = append(types, c.Type)
	}
	return types
}

func TestListTasks(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		job := shell("true")
		job.Template.TaskCount = 3
		c.create(t, job)
		older := c.run(t, nil)
		newer := c.run(t, nil)
		of := func(x *runpb.Execution) []string { return []string{taskName(x, 0), taskName(x, 1), taskName(x, 2)} }
		both := slices.Concat(of(newer), of(older))
		id := older.Name[strings.LastIndexByte(older.Name, '/')+1:]
		for parent, want := range map[string][]string{
			older.Name:                                      of(older),
			hello + "/executions/-":                         both,
			parent + "/jobs/-/executions/-":                 both,
			parent + "/jobs/-/executions/" + id:             of(older),
			parent + "/jobs/other/executions/-":             nil,
			"projects/demo/locations/x/jobs/-/executions/-": nil,
		} {
			if got := c.taskNames(t, &runpb.ListTasksRequest{Parent: parent}); !slices.Equal(got, want) {
				t.Errorf("ListTasks(%s) = %v, want %v", parent, got, want)
			}
		}
	})
}

func TestMissingTasks(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		c.create(t, shell("true"))
		x := c.run(t, nil)
		for name, code := range map[string]codes.Code{
			taskName(x, 1): codes.NotFound, // it has one task
			hello + "/executions/hello-none/tasks/hello-none-task0": codes.NotFound,
			taskName(x, 10_000):                   codes.InvalidArgument,
			x.Name + "/tasks/task0":               codes.InvalidArgument,
			x.Name + "/tasks/0":                   codes.InvalidArgument,
			hello + "/executions/-/tasks/--task0": codes.InvalidArgument,
		} {
			_, err := c.tasks.GetTask(t.Context(), &runpb.GetTaskRequest{Name: name})
			wantCode(t, "GetTask("+name+")", err, code, "")
		}
		_, err := c.tasks.ListTasks(t.Context(), &runpb.ListTasksRequest{Parent: hello + "/executions/hello-none"}).Next()
		wantCode(t, "ListTasks() of no execution", err, codes.NotFound, "hello-none")
	})
}

func TestTenThousandTasksAreAcceptedAndCancelled(t *testing.T) {
	t.Parallel()
	everyClientOf(t, engine.Config{MaxTasks: 2}, func(t *testing.T, _ *server, c *client) {
		job := shell("sleep 1000")
		job.Template.TaskCount = 10_000
		c.create(t, job)
		x, op := c.start(t)
		page := c.tasks.ListTasks(t.Context(), &runpb.ListTasksRequest{Parent: x.Name, PageSize: 5000})
		first, err := page.Next()
		if err != nil {
			t.Fatal(err)
		}
		if want := taskName(x, 0); first.Name != want {
			t.Errorf("first task = %q, want %q", first.Name, want)
		}
		if more := page.PageInfo().Remaining(); more != 999 {
			t.Errorf("ListTasks(5,000) returned %d tasks after the first, want 999", more)
		}
		if page.PageInfo().Token == "" {
			t.Error("ListTasks(5,000) returned no token for the next page")
		}
		if now := c.execution(t, x.Name); now.TaskCount != 10_000 || now.RunningCount > 2 {
			t.Errorf("tasks = %d, %d of them running; want 10,000 and at most 2", now.TaskCount, now.RunningCount)
		}
		if _, err := c.executions.CancelExecution(t.Context(), &runpb.CancelExecutionRequest{Name: x.Name}); err != nil {
			t.Fatal(err)
		}
		ended, err := op.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wantCancelled(t, ended, 10_000)
		last, err := c.tasks.GetTask(t.Context(), &runpb.GetTaskRequest{Name: taskName(x, 9_999)})
		if err != nil || last.Conditions[0].GetExecutionReason() != runpb.Condition_CANCELLED {
			t.Errorf("the last task = %v, %v, want it cancelled", last.GetConditions(), err)
		}
	})
}
