package engine_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/runner"
)

// lose makes every pod of the cluster disappear.
func (c *cluster) lose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, p := range c.pods {
		p.End(runner.Result{}, runner.ErrLost)
		delete(c.pods, id)
	}
}

// TestLossesInARow checks that an attempt whose Pods are lost runs again ten times, and then
// fails, for each attempt of the task.
func TestLossesInARow(t *testing.T) {
	t.Parallel()
	c := newCluster()
	onCluster(t, c, func(e *faulty) {
		name, _ := e.run()
		x := e.after(0, name)
		for range 3 * 60 * 60 {
			if x = e.after(time.Second, name); x.CompletionTime != nil {
				break
			}
			c.lose()
		}
		if x.FailedCount != 2 {
			t.Fatalf("execution whose Pods are always lost: %s, want 2 failed tasks", standing(x))
		}
		placed := map[int]int{} // by attempt
		for id, n := range c.placed {
			placed[id.Attempt] += n
		}
		for attempt := range 4 { // the first and three retries
			if placed[attempt] != 2*11 {
				t.Errorf("attempt %d of two tasks was placed %d times, want 22", attempt, placed[attempt])
			}
		}
		tasks, err := e.Tasks(context.Background(), &runpb.ListTasksRequest{Parent: name})
		if err != nil {
			t.Fatal(err)
		}
		want := "The task was interrupted 11 times in a row, because its Pod or machine was lost each time."
		if got := tasks.Tasks[0].LastAttemptResult.GetStatus().GetMessage(); got != want {
			t.Errorf("the task failed with %q, want %q", got, want)
		}
	})
}

// TestLossesWithTheEngine checks that an attempt which was lost with the engine many times runs again
// after its Pod is lost.
func TestLossesWithTheEngine(t *testing.T) {
	t.Parallel()
	c := newCluster()
	onCluster(t, c, func(e *faulty) {
		name, _ := e.run()
		synctest.Wait()
		for range 11 {
			e.Close()
			c.lose()
			e.open(engine.Config{Runner: c})
			synctest.Wait()
		}
		c.lose()
		if got := standing(e.after(time.Minute, name)); got != bothRun {
			t.Errorf("after the first loss of a Pod: %s, want %s", got, bothRun)
		}
		for id := range c.placed {
			if id.Attempt != 0 {
				t.Errorf("%v was placed, want the first attempt alone", id)
			}
		}
	})
}

// TestLossWhileStoppingForTimeout checks that a task has its timeout once, although its Pod
// was lost while it was stopped.
func TestLossWhileStoppingForTimeout(t *testing.T) {
	t.Parallel()
	c := newCluster()
	c.capacity = 1 // one after the other, because lose takes all pods
	onCluster(t, c, func(e *faulty) {
		c.set(func() { c.stop = func(context.Context) error { c.lose(); return nil } })
		name, _ := e.run()
		x := e.after(2*time.Hour, name)
		tasks, err := e.Tasks(context.Background(), &runpb.ListTasksRequest{Parent: name})
		if err != nil {
			t.Fatal(err)
		}
		if got := tasks.Tasks[0].LastAttemptResult.GetStatus().GetMessage(); x.FailedCount != 2 || got != "The configured timeout was reached." {
			t.Errorf("after the timeouts of all attempts: %s, %q, want 2 failed tasks by timeout", standing(x), got)
		}
	})
}

// TestEndIsLearnedAfterTheTimeout checks that a task which ended before its timeout counts by its
// exit code, even if the engine learns of the end later.
func TestEndIsLearnedAfterTheTimeout(t *testing.T) {
	t.Parallel()
	for ran, want := range map[time.Duration]string{
		5 * time.Minute:  "2 succeeded",
		10 * time.Minute: "2 failed", // the timeout
		0:                "2 failed", // unknown
	} {
		c := newCluster()
		c.capacity = 1 // one after the other, because endAs ends all pods
		onCluster(t, c, func(e *faulty) {
			c.set(func() {
				c.stop = func(context.Context) error { c.endAs(runner.Result{Ran: ran}); return nil }
			})
			name, _ := e.run()
			if got := standing(e.after(2*time.Hour, name)); !strings.Contains(got, want) {
				t.Errorf("tasks ran for %v before they ended with success, and their timeout is 10m: %s, want %s", ran, got, want)
			}
		})
	}
}

// TestTaskShowsWhyItWaits checks that a task that waits for a machine has not started, shows the
// reason, and does not count as running.
func TestTaskShowsWhyItWaits(t *testing.T) {
	t.Parallel()
	c := newCluster()
	c.pending, c.explains = time.Hour, true
	onCluster(t, c, func(e *faulty) {
		e.Close()
		e.open(engine.Config{Runner: runner.NewSwitch(func(*runpb.TaskTemplate) runner.Runner { return c }, c)})
		name, _ := e.run()
		time.Sleep(time.Minute)
		synctest.Wait()
		task := e.task(t, name)
		waits := task.Conditions[1]
		if waits.Type != "Started" {
			t.Errorf("condition while the task waits = %q, want Started", waits.Type)
		}
		if waits.State != runpb.Condition_CONDITION_PENDING {
			t.Errorf("state of Started while the task waits = %v, want pending", waits.State)
		}
		if want := "Unschedulable: 0/3 nodes are available."; waits.Message != want {
			t.Errorf("message while the task waits = %q, want %q", waits.Message, want)
		}
		if task.StartTime != nil {
			t.Errorf("start time while the task waits = %v, want none", task.StartTime.AsTime())
		}
		checkRunning(t, e, name, 0)
		time.Sleep(time.Hour)
		synctest.Wait()
		if task = e.task(t, name); task.Conditions[1].State != runpb.Condition_CONDITION_SUCCEEDED || task.StartTime == nil {
			t.Errorf("once it runs, condition %v and start time %v, want a start", task.Conditions[1], task.StartTime)
		}
		checkRunning(t, e, name, 2)
	})
}

// TestTaskShowsWhyItIsNotPlaced checks the same of a task that its runner does not take now.
func TestTaskShowsWhyItIsNotPlaced(t *testing.T) {
	t.Parallel()
	c := newCluster()
	onCluster(t, c, func(e *faulty) {
		c.set(func() { c.down = true })
		name, _ := e.run()
		time.Sleep(time.Minute)
		synctest.Wait()
		if c := e.task(t, name).Conditions[1]; c.State != runpb.Condition_CONDITION_PENDING || c.Message != "no route to the cluster" {
			t.Errorf("while the cluster is down, condition %v, want the reason", c)
		}
		checkRunning(t, e, name, 0)
		c.set(func() { c.down = false })
		time.Sleep(time.Minute)
		synctest.Wait()
		if c := e.task(t, name).Conditions[1]; c.State != runpb.Condition_CONDITION_SUCCEEDED {
			t.Errorf("once the cluster answers, condition %v, want a start", c)
		}
		checkRunning(t, e, name, 2)
	})
}

// task returns the second task of an execution.
func (e *faulty) task(t *testing.T, execution string) *runpb.Task {
	t.Helper()
	id := execution[strings.LastIndex(execution, "/")+1:]
	task, err := e.Task(context.Background(), &runpb.GetTaskRequest{Name: execution + "/tasks/" + id + "-task1"})
	if err != nil {
		t.Fatal(err)
	}
	return task
}

// checkRunning checks how many running tasks an execution shows, whichever way a client asks.
func checkRunning(t *testing.T, e *faulty, name string, want int32) {
	t.Helper()
	ctx := context.Background()
	one, err := e.Execution(ctx, &runpb.GetExecutionRequest{Name: name})
	if err != nil || one.RunningCount != want {
		t.Errorf("Execution() = %d running tasks, %v, want %d", one.GetRunningCount(), err, want)
	}
	job, _, _ := strings.Cut(name, "/executions/")
	all, err := e.Executions(ctx, &runpb.ListExecutionsRequest{Parent: job})
	if err != nil || all.Executions[0].RunningCount != want {
		t.Errorf("Executions() = %v, %v, want %d running tasks", all, err, want)
	}
}
