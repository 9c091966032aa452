package engine_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/tasklog"
)

// cluster is a place where attempts run without the engine. It is a fake, because its
// tests need hours of waiting, and failures on command.
type cluster struct {
	mu       sync.Mutex
	down     bool                        // it answers nobody
	stop     func(context.Context) error // what Stop does; nil ends the pod
	detach   error                       // of Detach
	release  func(runner.ID)             // what Release does; nil is nothing
	pending  time.Duration               // from the placing of an attempt until it runs
	broken   error                       // why an attempt cannot start once it is placed
	capacity int                         // see runner.Capabilities
	explains bool                        // it tells why a pod waits
	pods     map[runner.ID]*pod          // until a Wait has returned their end
	placed   map[runner.ID]int           // how often each ID was placed
	prints   string                      // what a pod prints when it is placed
}

type pod struct {
	*runner.Attempt
	begins time.Time
	deaf   bool // its machine does not answer: Stop waits for its end
}

func newCluster() *cluster {
	return &cluster{pods: map[runner.ID]*pod{}, placed: map[runner.ID]int{}}
}

// end ends every pod with success.
func (c *cluster) end() { c.endAs(runner.Result{}) }

// endAs ends every pod with a result.
func (c *cluster) endAs(result runner.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.pods {
		p.End(result, nil)
	}
}

func (c *cluster) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

// live returns how many pods have not ended.
func (c *cluster) live() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.pods {
		if !p.Ended() {
			n++
		}
	}
	return n
}

func (c *cluster) String() string { return "the cluster" }

func (c *cluster) Capabilities(*runpb.TaskTemplate) runner.Capabilities {
	return runner.Capabilities{Outlives: true, Capacity: c.capacity}
}

func (c *cluster) Check(*runpb.TaskTemplate) error { return nil }

func (c *cluster) Prepare(context.Context, *runpb.TaskTemplate) error { return nil }

// find returns a pod, nil if there is none, and an error while the cluster is down.
func (c *cluster) find(id runner.ID) (*pod, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		return nil, runwith.Errorf(runwith.Unavailable, "no route to the cluster")
	}
	return c.pods[id], nil
}

func (c *cluster) Start(ctx context.Context, spec runner.Spec, out runner.Output) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p, err := c.find(spec.ID)
	if err != nil || p != nil || spec.Resume {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p = &pod{Attempt: runner.NewAttempt(spec.ID), begins: time.Now().Add(c.pending)}
	c.pods[spec.ID] = p
	c.placed[spec.ID]++
	_, err = io.WriteString(out.Stdout, c.prints)
	return err
}

func (c *cluster) Running(ctx context.Context, id runner.ID) (time.Time, error) {
	p, err := c.find(id)
	if err != nil {
		return time.Time{}, err
	}
	if p == nil {
		return time.Time{}, runner.ErrLost
	}
	select {
	case <-time.After(time.Until(p.begins)):
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		delete(c.pods, id)
		return time.Time{}, c.broken
	}
	return p.begins, nil
}

func (c *cluster) Wait(ctx context.Context, id runner.ID) (runner.Result, error) {
	p, err := c.find(id)
	if err != nil {
		return runner.Result{}, err
	}
	if p == nil {
		return runner.Result{}, runner.ErrLost
	}
	result, err := p.AwaitEnd(ctx)
	if err == nil {
		c.set(func() { delete(c.pods, id) })
	}
	return result, err
}

func (c *cluster) Stop(ctx context.Context, id runner.ID, _ time.Duration) error {
	c.mu.Lock()
	stop, p := c.stop, c.pods[id]
	deaf := p != nil && p.deaf
	c.mu.Unlock()
	if stop != nil {
		return stop(ctx)
	}
	if _, err := c.find(id); err != nil || p == nil {
		return err
	}
	if deaf {
		select {
		case <-p.Done():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.End(runner.Result{Signal: 15}, nil)
	return nil
}

func (c *cluster) Waiting(id runner.ID) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.pods[id]; !c.explains || p == nil || !time.Now().Before(p.begins) {
		return ""
	}
	return "Unschedulable: 0/3 nodes are available."
}

func (c *cluster) Release(id runner.ID) {
	if c.release != nil {
		c.release(id)
	}
}

func (c *cluster) Detach(context.Context, runner.ID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.detach
}

func (c *cluster) List(context.Context) (ids []runner.ID, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		return nil, errors.New("no route to the cluster")
	}
	for id, p := range c.pods {
		if !p.Ended() {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// onCluster runs a test in fake time, with an engine whose tasks run on the cluster.
func onCluster(t *testing.T, c *cluster, test func(e *faulty)) {
	t.Helper()
	inFakeTime(t, engine.Fault{}, func(e *faulty) {
		e.Close()
		e.open(engine.Config{Runner: c})
		test(e)
		c.set(func() { c.down = false })
		c.end() // lets every Wait return
	})
}

const bothRun = "Completed RECONCILING, ResourcesAvailable SUCCEEDED, Started SUCCEEDED, ContainerReady SUCCEEDED; 2 running, 0 succeeded, 0 failed, 0 cancelled"

func TestCloseDetachesTasks(t *testing.T) {
	t.Parallel()
	c := newCluster()
	onCluster(t, c, func(e *faulty) {
		name, _ := e.run()
		synctest.Wait()
		e.Close()
		if got := e.Detached(); got != 2 || c.live() != 2 {
			t.Errorf("after Close %d tasks are detached and %d run, want 2 and 2", got, c.live())
		}
		e.open(engine.Config{Runner: c})
		synctest.Wait()
		c.end()
		if got := standing(e.after(time.Second, name)); got != hasRun {
			t.Errorf("after the restart: %s, want %s", got, hasRun)
		}
		for id, n := range c.placed {
			if n != 1 || id.Incarnation != 0 {
				t.Errorf("%v was placed %d times, want once, and adopted", id, n)
			}
		}
	})
}

// TestReleaseFollowsTheCommit checks that an attempt is released once, when its end is
// recorded.
func TestReleaseFollowsTheCommit(t *testing.T) {
	t.Parallel()
	c := newCluster()
	onCluster(t, c, func(e *faulty) {
		released := map[runner.ID]int{}
		c.release = func(id runner.ID) {
			x, err := e.Execution(context.Background(), &runpb.GetExecutionRequest{Name: id.Execution})
			if err != nil || x.SucceededCount == 0 {
				t.Errorf("at the release of %v its execution is %v, %v, want a task that succeeded", id, x, err)
			}
			c.set(func() { released[id]++ })
		}
		name, _ := e.run()
		synctest.Wait()
		c.end()
		e.after(time.Second, name)
		for id := range c.placed {
			if released[id] != 1 {
				t.Errorf("%v was released %d times, want once", id, released[id])
			}
		}
	})
}

func TestCloseStopsTasks(t *testing.T) {
	t.Parallel()
	c := newCluster()
	onCluster(t, c, func(e *faulty) {
		e.Close()
		e.open(engine.Config{Runner: c, StopTasks: true})
		e.run()
		synctest.Wait()
		e.Close()
		if got := e.Detached(); got != 0 || c.live() != 0 {
			t.Errorf("after Close with StopTasks %d tasks are detached and %d run, want none", got, c.live())
		}
	})
}

// TestCloseDespiteItsRunner checks that a runner that cannot stop its tasks, does not answer,
// or does not let go of them, holds up Close no longer than the grace and a few seconds. The
// next engine adopts the tasks, and with them the lines that they had begun.
func TestCloseDespiteItsRunner(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		stop      func(context.Context) error
		detach    error
		stopTasks bool
		cancel    bool // the execution is cancelled before
	}{
		"Stop fails":                 {stop: func(context.Context) error { return broken }, stopTasks: true},
		"Stop hangs":                 {stop: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, stopTasks: true},
		"Stop hangs during a cancel": {stop: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, cancel: true},
		"Stop ends nothing":          {stop: func(context.Context) error { return nil }, stopTasks: true},
		"Detach fails":               {detach: broken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster()
			c.prints = "half a line"
			onCluster(t, c, func(e *faulty) {
				e.Close()
				e.open(engine.Config{Runner: c, StopTasks: test.stopTasks, Grace: 10 * time.Second})
				execution, _ := e.run()
				synctest.Wait()
				c.set(func() { c.stop, c.detach = test.stop, test.detach })
				if test.cancel {
					if _, err := e.CancelExecution(context.Background(), &runpb.CancelExecutionRequest{Name: execution}); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
				}
				began := time.Now()
				e.Close()
				if took := time.Since(began); took > 20*time.Second {
					t.Errorf("Close took %v, want the grace and a few seconds", took)
				}
				c.set(func() { c.stop, c.detach = nil, nil })
				e.open(engine.Config{Runner: c})
				synctest.Wait()
				if lines := logged(t, e.Engine.Engine, execution, tasklog.Query{Streams: []tasklog.Stream{tasklog.Stdout}}); len(lines) > 0 {
					t.Errorf("after the restart the log has %q, want nothing yet", lines[0].Text)
				}
				c.end()
				if x := e.after(time.Minute, execution); x.CompletionTime == nil || test.cancel != (x.CancelledCount > 0) {
					t.Errorf("after the restart: %s, want an end", standing(x))
				}
			})
		})
	}
}

// TestTimeoutCountsFromRunning checks that a task that waited an hour for room still has its
// whole timeout, and that the timeout continues across a restart.
func TestTimeoutCountsFromRunning(t *testing.T) {
	t.Parallel()
	c := newCluster()
	c.pending = time.Hour
	onCluster(t, c, func(e *faulty) {
		name, _ := e.run()
		if got := standing(e.after(time.Hour+9*time.Minute, name)); got != bothRun {
			t.Errorf("9 minutes after it began to run: %s, want %s", got, bothRun)
		}
		e.Close()
		e.open(engine.Config{Runner: c})
		if got := standing(e.after(50*time.Second, name)); got != bothRun {
			t.Errorf("10 seconds before the timeout: %s, want %s", got, bothRun)
		}
		e.after(time.Minute, name)
		tasks, err := e.Tasks(context.Background(), &runpb.ListTasksRequest{Parent: name})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := tasks.Tasks[0].LastAttemptResult.GetStatus().GetMessage(), "The configured timeout was reached."; got != want {
			t.Errorf("after the timeout the attempt ended with %q, want %q", got, want)
		}
	})
}

func TestTaskFailsToStartOncePlaced(t *testing.T) {
	t.Parallel()
	c := newCluster()
	c.pending, c.broken = time.Minute, runwith.Errorf(runwith.FailedPrecondition, "image is not there")
	onCluster(t, c, func(e *faulty) {
		name, _ := e.run()
		e.after(time.Hour, name)
		tasks, err := e.Tasks(context.Background(), &runpb.ListTasksRequest{Parent: name})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := tasks.Tasks[0].LastAttemptResult.GetStatus().GetMessage(), "Application failed to start: image is not there."; got != want {
			t.Errorf("the attempt ended with %q, want %q", got, want)
		}
	})
}

func TestCapacityBoundsTasks(t *testing.T) {
	t.Parallel()
	c := newCluster()
	c.capacity = 1
	onCluster(t, c, func(e *faulty) {
		e.run()
		synctest.Wait()
		if got := c.live(); got != 1 {
			t.Errorf("%d tasks run at once, want as many as the runner has room for", got)
		}
	})
}

// TestUnknownIsNotLost checks that the engine opens although a runner does not answer. The
// runner's attempts are unknown, not lost: the engine asks until the runner answers, then ends
// orphans and continues.
func TestUnknownIsNotLost(t *testing.T) {
	t.Parallel()
	c := newCluster()
	onCluster(t, c, func(e *faulty) {
		name, _ := e.run()
		synctest.Wait()
		e.Close()
		leftover := runner.ID{Execution: "projects/demo/locations/us-east4/jobs/hello/executions/gone"}
		c.set(func() {
			c.down = true
			c.pods[leftover] = &pod{Attempt: runner.NewAttempt(leftover), begins: time.Now()}
		})
		var log lockedBuffer
		other := newCluster()
		both := runner.NewSwitch(func(*runpb.TaskTemplate) runner.Runner { return other }, other, c)
		e.open(engine.Config{Runner: both, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if got := standing(e.after(5*time.Minute, name)); got != bothRun || c.live() != 3 || other.live() != 0 {
			t.Errorf("while the cluster is down: %s with %d pods, %d elsewhere, want %s with 3, and none", got, c.live(), other.live(), bothRun)
		}
		if want := "the cluster: no route to the cluster"; !strings.Contains(log.String(), want) {
			t.Errorf("the log says %q, want %q in it", log.String(), want)
		}
		c.set(func() { c.down = false })
		if got := standing(e.after(time.Minute, name)); got != bothRun || c.live() != 2 {
			t.Errorf("once the cluster answers: %s with %d pods, want %s with 2: the leftover ended", got, c.live(), bothRun)
		}
		c.end()
		if got := standing(e.after(time.Second, name)); got != hasRun {
			t.Errorf("at the end: %s, want %s", got, hasRun)
		}
	})
}

// TestRestartEndsCancelledTask checks that the next engine ends a task whose execution was
// cancelled just before the engine died.
func TestRestartEndsCancelledTask(t *testing.T) {
	t.Parallel()
	c := newCluster()
	onCluster(t, c, func(e *faulty) {
		name, _ := e.run()
		synctest.Wait()
		c.set(func() { c.down = true }) // it receives no calls
		if _, err := e.CancelExecution(context.Background(), &runpb.CancelExecutionRequest{Name: name}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		e.Close()
		c.set(func() { c.down = false })
		e.open(engine.Config{Runner: c})
		x := e.after(time.Second, name)
		if c.live() != 0 || x.CancelledCount != 2 {
			t.Errorf("after the restart %d tasks run, and %d are cancelled, want none and 2", c.live(), x.CancelledCount)
		}
	})
}

// lockedBuffer is a buffer that allows concurrent writes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestStopIsTriedAgain checks that an engine that cannot reach its runner stops a task as soon
// as the runner answers again.
func TestStopIsTriedAgain(t *testing.T) {
	t.Parallel()
	c := newCluster()
	onCluster(t, c, func(e *faulty) {
		name, _ := e.run()
		synctest.Wait()
		c.set(func() { c.down = true })
		if _, err := e.CancelExecution(context.Background(), &runpb.CancelExecutionRequest{Name: name}); err != nil {
			t.Fatal(err)
		}
		if got := standing(e.after(time.Hour, name)); !strings.HasSuffix(got, "; 2 running, 0 succeeded, 0 failed, 0 cancelled") {
			t.Errorf("while the cluster is down: %s, want 2 tasks that may run", got)
		}
		c.set(func() { c.down = false })
		if x := e.after(10*time.Second, name); c.live() != 0 || x.CancelledCount != 2 {
			t.Errorf("once the cluster answers %d tasks run, and %d are cancelled, want none and 2", c.live(), x.CancelledCount)
		}
	})
}

// TestLogTellsHowAttemptWasLost checks that the log blames an earlier process only for the
// attempts that it placed.
func TestLogTellsHowAttemptWasLost(t *testing.T) {
	t.Parallel()
	c := newCluster()
	onCluster(t, c, func(e *faulty) {
		lose := func() {
			synctest.Wait()
			c.set(func() {
				for id, p := range c.pods {
					p.End(runner.Result{}, runner.ErrLost)
					delete(c.pods, id)
				}
			})
			time.Sleep(time.Second)
		}
		var log lockedBuffer
		logger := slog.New(slog.NewTextHandler(&log, nil))
		const ours, earlier = "its Pod or machine was lost, or its runner cannot tell how it ended", "an earlier process of the engine stopped"
		e.Close()
		e.open(engine.Config{Runner: c, Logger: logger})
		e.run()
		lose()
		if got := log.String(); !strings.Contains(got, ours) || strings.Contains(got, earlier) {
			t.Errorf("the log of the engine that placed the attempts says %q, want %q", got, ours)
		}
		synctest.Wait()
		e.Close()
		log = lockedBuffer{}
		e.open(engine.Config{Runner: c, Logger: logger})
		lose()
		if got := log.String(); !strings.Contains(got, earlier) || strings.Contains(got, ours) {
			t.Errorf("the log of the next engine says %q, want %q", got, earlier)
		}
	})
}
