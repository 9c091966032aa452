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

// idle is a job whose tasks do nothing, and what goes wrong with it.
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

func TestAnExecutionListedLateIsReadAtOnce(t *testing.T) {
	t.Parallel()
	c := start(t, idle("listed-late=1h, n=1")...)
	late, next := c.run("worker"), c.run("worker")
	if got := c.listed("worker"); !slices.Equal(got, []string{next.Name}) {
		t.Errorf("listed are %v, want the second execution alone, %s", got, next.Name)
	}
	if x, err := c.executions.GetExecution(t.Context(), &runpb.GetExecutionRequest{Name: late.Name}); err != nil || x.SucceededCount != 1 {
		t.Errorf("GetExecution() of what is not listed yet = %v, %v; want it to have succeeded", x, err)
	}
}

func TestAnExecutionListedALittleLateIsListedThen(t *testing.T) {
	t.Parallel()
	c := start(t, idle("listed-late=300ms")...)
	x := c.run("worker")
	eventually.True(t, "the execution is listed", func() bool { return slices.Equal(c.listed("worker"), []string{x.Name}) })
}

func TestAnExecutionThatFailsBeforeItsTasks(t *testing.T) {
	t.Parallel()
	c := start(t, idle("failed-before-tasks, n=1", "slow-start=20ms")...)
	op := c.begin("worker")
	_, err := op.Wait(t.Context())
	if err == nil || !strings.Contains(err.Error(), "Image '"+worker+"' not found.") {
		t.Errorf("Wait() = %v, want the failure", err)
	}
	x, err := op.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	if x.FailedCount+x.SucceededCount+x.CancelledCount+x.RunningCount != 0 || x.Conditions[0].State != runpb.Condition_CONDITION_FAILED || x.StartTime != nil {
		t.Errorf("execution = %v, want it failed without a task", x)
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

func TestASlowStart(t *testing.T) {
	t.Parallel()
	c := start(t, idle("slow-start=1h, n=1")...)
	slow, err := c.begin("worker").Metadata()
	if err != nil {
		t.Fatal(err)
	}
	if x := c.run("worker"); x.SucceededCount != 1 {
		t.Errorf("the execution after it = %v, want it to succeed", x)
	}
	x, err := c.executions.GetExecution(t.Context(), &runpb.GetExecutionRequest{Name: slow.Name})
	if err != nil || x.StartTime != nil || x.Conditions[0].State != runpb.Condition_CONDITION_PENDING {
		t.Errorf("the slow one = %v, %v; want it to wait", x, err)
	}
	op, err := c.executions.CancelExecution(t.Context(), &runpb.CancelExecutionRequest{Name: slow.Name})
	if err != nil || !op.Done() {
		t.Errorf("CancelExecution() of the slow one = %v, %v; want it done at once", op, err)
	}
}

// The same seed strikes the same calls, another one strikes others.
func TestASeedRepeatsTheFaults(t *testing.T) {
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
	if first != again || first == other || !strings.Contains(first, "x") || !strings.Contains(first, ".") {
		t.Errorf("struck are %s, with the same seed %s, with another one %s", first, again, other)
	}
}
