package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/enginetest"
	"github.com/runwith/runwith/internal/engine/runner/function"
)

// faulty is an engine in fake time, with injected faults. Its job hello has two tasks, which
// are functions.
type faulty struct {
	*enginetest.Engine
	t   *testing.T
	dir string
}

// inFakeTime runs a test in fake time.
func inFakeTime(t *testing.T, f engine.Fault, test func(e *faulty)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := &faulty{t: t, dir: t.TempDir()}
		e.open(engine.Config{Fault: func(string) engine.Fault { return f }})
		_, err := e.CreateJob(context.Background(), &runpb.CreateJobRequest{Parent: parent, JobId: "hello", Job: &runpb.Job{
			Template: &runpb.ExecutionTemplate{TaskCount: 2, Template: &runpb.TaskTemplate{
				Containers: []*runpb.Container{{Image: "gcr.io/p/worker"}},
			}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		test(e)
	})
}

// open opens the engine, by default with functions as tasks.
func (e *faulty) open(c engine.Config) {
	e.t.Helper()
	c.Dir = e.dir
	if c.Runner == nil {
		c.Runner = workers()
	}
	e.Engine = enginetest.Open(e.t, enginetest.Config{Config: c})
}

// workers runs the tasks of the job hello, which do nothing.
func workers() *function.Runner {
	return function.New(function.Config{Images: map[string]function.Func{
		"gcr.io/p/worker": func(context.Context, *function.Call) error { return nil },
	}})
}

// restart opens the engine again, without faults.
func (e *faulty) restart() {
	e.t.Helper()
	e.Close()
	e.open(engine.Config{})
}

// run starts hello and returns the execution's name and the operation's.
func (e *faulty) run() (execution, operation string) {
	e.t.Helper()
	op, err := e.RunJob(context.Background(), &runpb.RunJobRequest{Name: hello})
	if err != nil {
		e.t.Fatal(err)
	}
	if op.Done {
		e.t.Errorf("RunJob() = %v, want an operation that is not done", op)
	}
	x := &runpb.Execution{}
	if err := op.Metadata.UnmarshalTo(x); err != nil {
		e.t.Fatal(err)
	}
	return x.Name, op.Name
}

// after waits for a duration and reads an execution.
func (e *faulty) after(d time.Duration, name string) *runpb.Execution {
	e.t.Helper()
	time.Sleep(d)
	synctest.Wait()
	x, err := e.Execution(context.Background(), &runpb.GetExecutionRequest{Name: name})
	if err != nil {
		e.t.Fatal(err)
	}
	return x
}

// listed returns the IDs of all executions of a parent, read by pages.
func (e *faulty) listed(parent string) (ids []string) {
	e.t.Helper()
	for token := ""; ; {
		res, err := e.Executions(context.Background(), &runpb.ListExecutionsRequest{Parent: parent, PageSize: 1, PageToken: token})
		if err != nil {
			e.t.Fatal(err)
		}
		for _, x := range res.Executions {
			ids = append(ids, x.Name)
		}
		if token = res.NextPageToken; token == "" {
			return ids
		}
	}
}

// standing returns an execution's conditions, each with an abbreviated state, and its counts.
func standing(x *runpb.Execution) string {
	var all []string
	for _, c := range x.Conditions {
		all = append(all, c.Type+" "+strings.TrimPrefix(c.State.String(), "CONDITION_"))
	}
	return fmt.Sprintf("%s; %d running, %d succeeded, %d failed, %d cancelled",
		strings.Join(all, ", "), x.RunningCount, x.SucceededCount, x.FailedCount, x.CancelledCount)
}

const (
	waits     = "Completed PENDING, ResourcesAvailable PENDING, Started PENDING, ContainerReady PENDING; 0 running, 0 succeeded, 0 failed, 0 cancelled"
	hasRun    = "Completed SUCCEEDED, ResourcesAvailable SUCCEEDED, Started SUCCEEDED, ContainerReady SUCCEEDED; 0 running, 2 succeeded, 0 failed, 0 cancelled"
	hasFailed = "Completed FAILED, ResourcesAvailable FAILED, Started FAILED, ContainerReady FAILED; 0 running, 0 succeeded, 0 failed, 0 cancelled"
	wasBarred = "Completed FAILED, ResourcesAvailable FAILED, Started FAILED, ContainerReady FAILED; 0 running, 0 succeeded, 0 failed, 2 cancelled"
)

func (e *faulty) want(when string, x *runpb.Execution, want string) {
	e.t.Helper()
	if got := standing(x); got != want {
		e.t.Errorf("%s: execution = %s\nwant %s", when, got, want)
	}
}

func TestSlowStartDelaysTasks(t *testing.T) {
	t.Parallel()
	inFakeTime(t, engine.Fault{StartAfter: 5 * time.Second}, func(e *faulty) {
		name, _ := e.run()
		e.want("just before its time,", e.after(5*time.Second-1, name), waits)
		x := e.after(time.Second, name)
		e.want("after its time,", x, hasRun)
		if got := x.StartTime.AsTime().Sub(x.CreateTime.AsTime()); got != 5*time.Second {
			t.Errorf("start = %v after creation, want 5s", got)
		}
	})
}

func TestSlowStartDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	inFakeTime(t, engine.Fault{StartAfter: time.Hour}, func(e *faulty) {
		slow, _ := e.run()
		e.restart() // ends the fault
		e.want("after a restart,", e.after(0, slow), hasRun)
		name, _ := e.run()
		e.want("without a fault,", e.after(0, name), hasRun)
	})
}

func TestSlowStartCanBeCancelled(t *testing.T) {
	t.Parallel()
	inFakeTime(t, engine.Fault{StartAfter: time.Hour}, func(e *faulty) {
		name, _ := e.run()
		op, err := e.CancelExecution(context.Background(), &runpb.CancelExecutionRequest{Name: name})
		if err != nil || !op.Done {
			t.Errorf("CancelExecution() = %v, %v; want it done at once", op, err)
		}
		e.want("once cancelled,", e.after(2*time.Hour, name), wasBarred)
	})
}

func TestExecutionWithoutTasksFails(t *testing.T) {
	t.Parallel()
	for _, slow := range []time.Duration{0, time.Minute} {
		inFakeTime(t, engine.Fault{NoTasks: true, StartAfter: slow}, func(e *faulty) {
			name, operation := e.run()
			if slow > 0 {
				e.want("just before its time,", e.after(slow-1, name), waits)
			}
			x := e.after(time.Second, name)
			e.want("after its time,", x, hasFailed)
			done := x.Conditions[0]
			if done.Message != "Image 'gcr.io/p/worker' not found." || done.GetReason() != runpb.Condition_CONTAINER_MISSING {
				t.Errorf("Completed = %v, want the message and the reason of a missing image", done)
			}
			if x.StartTime != nil {
				t.Errorf("start time = %v, want none", x.StartTime.AsTime())
			}
			if x.CompletionTime == nil {
				t.Error("the execution has no completion time")
			}
			if x.Reconciling {
				t.Error("the execution that has ended is reconciling")
			}
			if x.TaskCount != 2 {
				t.Errorf("tasks = %d, want the 2 requested", x.TaskCount)
			}
			tasks, err := e.Tasks(context.Background(), &runpb.ListTasksRequest{Parent: name})
			if err != nil || len(tasks.Tasks) != 0 {
				t.Errorf("Tasks() = %v, %v; want none", tasks, err)
			}
			op, err := e.WaitOperation(context.Background(), &longrunningpb.WaitOperationRequest{Name: operation})
			if err != nil || op.GetError().GetMessage() != done.Message {
				t.Errorf("operation of the run = %v, %v; want the error %s", op, err, done.Message)
			}
		})
	}
}

// TestPendingFailure restarts the engine, and cancels, while an execution waits to fail.
func TestPendingFailure(t *testing.T) {
	t.Parallel()
	held := engine.Fault{NoTasks: true, StartAfter: time.Hour}
	cancelled := strings.ReplaceAll(wasBarred, "2 cancelled", "0 cancelled")
	for name, test := range map[string]struct {
		do   func(e *faulty, name string) error
		want string
	}{
		"restart": {func(e *faulty, _ string) error { e.restart(); return nil }, hasFailed},
		"cancel": {func(e *faulty, name string) error {
			_, err := e.CancelExecution(context.Background(), &runpb.CancelExecutionRequest{Name: name})
			return err
		}, cancelled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inFakeTime(t, held, func(e *faulty) {
				name, operation := e.run()
				if err := test.do(e, name); err != nil {
					t.Fatal(err)
				}
				e.want("then", e.after(0, name), test.want)
				e.want("in the end", e.after(2*time.Hour, name), test.want)
				op, err := e.WaitOperation(context.Background(), &longrunningpb.WaitOperationRequest{Name: operation, Timeout: durationpb.New(time.Minute)})
				if err != nil || !op.Done {
					t.Errorf("operation of the run = %v, %v; want it done", op, err)
				}
			})
		})
	}
}

func TestListedLate(t *testing.T) {
	t.Parallel()
	inFakeTime(t, engine.Fault{ListAfter: 5 * time.Second}, func(e *faulty) {
		first, _ := e.run()
		time.Sleep(3 * time.Second)
		second, _ := e.run()
		for _, step := range []struct {
			after time.Duration
			want  []string
		}{
			{0, nil},
			{2*time.Second - 1, nil},
			{1, []string{first}},
			{3*time.Second - 1, []string{first}},
			{1, []string{second, first}},
		} {
			e.want("while it is not listed,", e.after(step.after, second), hasRun)
			for _, of := range []string{hello, parent + "/jobs/-"} {
				if got := e.listed(of); !slices.Equal(got, step.want) {
					t.Errorf("%v later: list of %s = %v, want %v", step.after, of, got, step.want)
				}
			}
		}
	})
}

func TestOneFaultDecisionForEachExecution(t *testing.T) {
	t.Parallel()
	var asked []string
	synctest.Test(t, func(t *testing.T) {
		e := &faulty{t: t, dir: t.TempDir()}
		e.open(engine.Config{Fault: func(job string) engine.Fault {
			asked = append(asked, job)
			return engine.Fault{}
		}})
		job := &runpb.Job{
			Template:        &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{Containers: []*runpb.Container{{Image: "gcr.io/p/worker"}}}},
			CreateExecution: &runpb.Job_StartExecutionToken{StartExecutionToken: "once"},
		}
		for _, dry := range []bool{true, false} {
			if _, err := e.CreateJob(context.Background(), &runpb.CreateJobRequest{Parent: parent, JobId: "hello", Job: job, ValidateOnly: dry}); err != nil {
				t.Fatal(err)
			}
		}
		name, _ := e.run()
		e.want("without a fault,", e.after(0, name), strings.ReplaceAll(hasRun, "2 succeeded", "1 succeeded"))
		_, err := e.RunJob(context.Background(), &runpb.RunJobRequest{Name: hello, ValidateOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.RunJob(context.Background(), &runpb.RunJobRequest{Name: parent + "/jobs/none"}); err == nil {
			t.Error("RunJob() of a missing job = nil, want an error")
		}
	})
	if want := []string{hello, hello}; !slices.Equal(asked, want) {
		t.Errorf("decisions = %v, want %v, one for each started execution", asked, want)
	}
}
