//go:build linux || darwin

package runwithtest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	run "cloud.google.com/go/run/apiv2"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/iterator"

	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/runwithtest"
)

// idle returns the options for a job whose tasks do nothing, with fault rules.
func idle(rules ...string) []runwithtest.Option {
	return []runwithtest.Option{
		runwithtest.Job("worker", job(worker)),
		runwithtest.Image(worker, func(context.Context, *runwithtest.Task) error { return nil }),
		runwithtest.Fault(rules...),
	}
}

func (c *client) listed(job string) (names []string) {
	c.t.Helper()
	for all := c.executions.ListExecutions(c.t.Context(), &runpb.ListExecutionsRequest{Parent: c.Parent() + "/jobs/" + job}); ; {
		x, err := all.Next()
		if errors.Is(err, iterator.Done) {
			return names
		}
		if err != nil {
			c.t.Fatal(err)
		}
		names = append(names, x.Name)
	}
}

func TestListedLateExecutionCanBeRead(t *testing.T) {
	t.Parallel()
	c := start(t, idle("listed-late=1h, n=1")...)
	late, next := c.run("worker"), c.run("worker")
	if got := c.listed("worker"); !slices.Equal(got, []string{next.Name}) {
		t.Errorf("ListExecutions() = %v, want only the second execution, %s", got, next.Name)
	}
	if x, err := c.executions.GetExecution(t.Context(), &runpb.GetExecutionRequest{Name: late.Name}); err != nil || x.SucceededCount != 1 {
		t.Errorf("GetExecution() before it is listed = %v, %v; want it succeeded", x, err)
	}
}

func TestListedLateExecutionAppears(t *testing.T) {
	t.Parallel()
	c := start(t, idle("listed-late=300ms")...)
	x := c.run("worker")
	eventually.True(t, "the execution is listed", func() bool { return slices.Equal(c.listed("worker"), []string{x.Name}) })
}

func TestFailedBeforeTasks(t *testing.T) {
	t.Parallel()
	c := start(t, idle("failed-before-tasks, n=1", "slow-start=20ms")...)
	op := c.begin("worker")
	_, err := op.Wait(t.Context())
	if err == nil || !strings.Contains(err.Error(), "Image '"+worker+"' not found.") {
		t.Errorf("Wait() = %v, want the error for the missing image", err)
	}
	x, err := op.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	if tasks := x.FailedCount + x.SucceededCount + x.CancelledCount + x.RunningCount; tasks != 0 {
		t.Errorf("execution has counted %d tasks, want none", tasks)
	}
	if state := x.Conditions[0].State; state != runpb.Condition_CONDITION_FAILED {
		t.Errorf("state of the execution = %v, want failed", state)
	}
	if x.StartTime != nil {
		t.Errorf("execution started at %v, want never", x.StartTime.AsTime())
	}
	tasks, err := run.NewTasksRESTClient(t.Context(), c.REST()...)
	if err != nil {
		t.Fatal(err)
	}
	defer tasks.Close()
	if task, err := tasks.ListTasks(t.Context(), &runpb.ListTasksRequest{Parent: x.Name}).Next(); !errors.Is(err, iterator.Done) {
		t.Errorf("ListTasks() = %v, %v; want none", task, err)
	}
	if x := c.run("worker"); x.SucceededCount != 1 {
		t.Errorf("the next execution = %v, want it to succeed", x)
	}
}

func TestSlowStart(t *testing.T) {
	t.Parallel()
	c := start(t, idle("slow-start=1h, n=1")...)
	slow, err := c.begin("worker").Metadata()
	if err != nil {
		t.Fatal(err)
	}
	if x := c.run("worker"); x.SucceededCount != 1 {
		t.Errorf("execution after the slow one = %v, want it succeeded", x)
	}
	x, err := c.executions.GetExecution(t.Context(), &runpb.GetExecutionRequest{Name: slow.Name})
	if err != nil {
		t.Fatal(err)
	}
	if x.StartTime != nil {
		t.Errorf("slow execution started at %v, want not yet", x.StartTime.AsTime())
	}
	if state := x.Conditions[0].State; state != runpb.Condition_CONDITION_PENDING {
		t.Errorf("state of the slow execution = %v, want pending", state)
	}
	op, err := c.executions.CancelExecution(t.Context(), &runpb.CancelExecutionRequest{Name: slow.Name})
	if err != nil || !op.Done() {
		t.Errorf("CancelExecution() of the slow execution = %v, %v; want it done at once", op, err)
	}
}

// TestSeedRepeatsFaults checks that the same seed affects the same calls, and another
// seed others.
func TestSeedRepeatsFaults(t *testing.T) {
	t.Parallel()
	struck := func(seed uint64) (runs string) {
		c := start(t, append(idle("RunJob: quota-429, p=0.5"), runwithtest.FaultSeed(seed))...)
		for range 40 {
			_, err := c.jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: c.Parent() + "/jobs/worker", ValidateOnly: true})
			if err != nil {
				runs += "x"
			} else {
				runs += "."
			}
		}
		return runs
	}
	first, again, other := struck(7), struck(7), struck(8)
	if first != again {
		t.Errorf("calls with seed 7 = %s, and again %s, want the same", first, again)
	}
	if first == other {
		t.Errorf("calls with seeds 7 and 8 are both %s, want different ones", first)
	}
	if !strings.Contains(first, "x") || !strings.Contains(first, ".") {
		t.Errorf("calls with seed 7 = %s, want some with and some without a fault", first)
	}
}
