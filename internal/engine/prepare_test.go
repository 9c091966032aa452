package engine_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/function"
)

// preparing is a runner that first imports an image. The test sets the duration and the
// result of the import.
type preparing struct {
	*function.Runner
	takes time.Duration

	mu    sync.Mutex
	tries int
	ends  []error // results of the tries in order; nil after the last
}

func (p *preparing) Capabilities(*runpb.TaskTemplate) runner.Capabilities {
	return runner.Capabilities{Prepares: true}
}

func (p *preparing) Prepare(ctx context.Context, _ *runpb.TaskTemplate) (err error) {
	p.mu.Lock()
	if p.tries < len(p.ends) {
		err = p.ends[p.tries]
	}
	p.tries++
	p.mu.Unlock()
	select {
	case <-time.After(p.takes):
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// inPreparedTime runs a test in fake time, with a runner that prepares.
func inPreparedTime(t *testing.T, p *preparing, test func(e *faulty)) {
	t.Helper()
	inFakeTime(t, engine.Fault{}, func(e *faulty) {
		e.Close()
		e.prepared(p)
		test(e)
	})
}

// prepared opens the engine again with a runner that prepares.
func (e *faulty) prepared(p *preparing) {
	e.t.Helper()
	p.Runner = workers()
	e.open(engine.Config{Runner: p})
}

// TestTasksWaitForPreparation checks that an execution has no running task before its image
// is ready.
func TestTasksWaitForPreparation(t *testing.T) {
	t.Parallel()
	inPreparedTime(t, &preparing{takes: time.Minute}, func(e *faulty) {
		name, _ := e.run()
		if got := standing(e.after(59*time.Second, name)); got != waits {
			t.Errorf("during the preparation: %s, want %s", got, waits)
		}
		if got := standing(e.after(2*time.Second, name)); got != hasRun {
			t.Errorf("after the preparation: %s, want %s", got, hasRun)
		}
	})
}

// TestUnpreparedFailsWithoutTasks checks that an execution whose preparation fails has the
// error's message and no task, also after retries.
func TestUnpreparedFailsWithoutTasks(t *testing.T) {
	t.Parallel()
	gone := runwith.Errorf(runwith.FailedPrecondition, "Image 'x' not found.")
	away := runwith.Errorf(runwith.Unavailable, "the daemon is away")
	p := &preparing{ends: []error{away, away, gone}}
	inPreparedTime(t, p, func(e *faulty) {
		name, _ := e.run()
		x := e.after(time.Minute, name)
		if got := standing(x); got != hasFailed {
			t.Errorf("execution = %s, want %s", got, hasFailed)
		}
		if got, want := x.Conditions[0].Message, "Image 'x' not found."; got != want {
			t.Errorf("message = %q, want %q", got, want)
		}
		tasks, err := e.Tasks(context.Background(), &runpb.ListTasksRequest{Parent: name})
		if err != nil || len(tasks.Tasks) > 0 || p.tries != 3 {
			t.Errorf("tasks = %v, %v after %d tries, want none after 3", tasks.GetTasks(), err, p.tries)
		}
	})
}

// TestCancelWhilePreparing checks that a cancel during the preparation ends the execution at
// once, and no task runs.
func TestCancelWhilePreparing(t *testing.T) {
	t.Parallel()
	inPreparedTime(t, &preparing{takes: time.Hour}, func(e *faulty) {
		name, _ := e.run()
		if _, err := e.CancelExecution(context.Background(), &runpb.CancelExecutionRequest{Name: name}); err != nil {
			t.Fatal(err)
		}
		x := e.after(time.Second, name)
		if x.CompletionTime == nil || x.CancelledCount != 2 || x.StartTime != nil {
			t.Errorf("execution = %s, want it cancelled before its start", standing(x))
		}
	})
}

// TestRestartPreparesAgain checks that a restart prepares an execution without tasks again.
func TestRestartPreparesAgain(t *testing.T) {
	t.Parallel()
	inPreparedTime(t, &preparing{takes: time.Hour}, func(e *faulty) {
		name, _ := e.run()
		synctest.Wait()
		e.Close()
		p := &preparing{takes: time.Second}
		e.prepared(p)
		if got := standing(e.after(2*time.Second, name)); got != hasRun || p.tries != 1 {
			t.Errorf("after the restart: %s after %d preparations, want %s after one", got, p.tries, hasRun)
		}
	})
}

// adopting is a runner whose attempts outlive the engine. It records the engine's calls.
type adopting struct {
	runner.Runner
	specs []runner.Spec
	kept  [2]runner.Extent
}

func (a *adopting) Start(_ context.Context, spec runner.Spec, out runner.Output) (err error) {
	a.specs = append(a.specs, spec)
	if spec.Resume {
		a.kept[0], a.kept[1], err = out.Kept()
		return err
	}
	_, err = out.Stdout.Write([]byte("one\ntwo\nhal"))
	return err
}

func (a *adopting) Wait(ctx context.Context, _ runner.ID) (runner.Result, error) {
	if a.specs[len(a.specs)-1].Resume {
		return runner.Result{OutOfMemory: true, ExitCode: 137}, nil
	}
	if ctx.Done() == nil { // the attempt was stopped
		return runner.Result{}, nil
	}
	<-ctx.Done()
	return runner.Result{}, ctx.Err()
}

func (a *adopting) Capabilities(*runpb.TaskTemplate) runner.Capabilities {
	return runner.Capabilities{}
}
func (a *adopting) Running(context.Context, runner.ID) (time.Time, error) { return time.Now(), nil }
func (a *adopting) Check(*runpb.TaskTemplate) error                       { return nil }
func (a *adopting) Stop(context.Context, runner.ID, time.Duration) error  { return nil }
func (a *adopting) List(context.Context) ([]runner.ID, error)             { return nil, nil }
func (a *adopting) Release(runner.ID)                                     {}
func (a *adopting) Waiting(runner.ID) string                              { return "" }

// TestResumedAttemptIsAdopted checks that the engine resumes an attempt with the extent of its
// stored output, and does not start a new one.
func TestResumedAttemptIsAdopted(t *testing.T) {
	t.Parallel()
	inFakeTime(t, engine.Fault{}, func(e *faulty) {
		a := &adopting{}
		reopen := func() {
			e.Close()
			e.open(engine.Config{Runner: a, MaxTasks: 1})
		}
		reopen()
		name, _ := e.run()
		synctest.Wait()
		reopen()
		e.after(time.Second, name)
		if len(a.specs) < 2 || !a.specs[1].Resume || a.specs[1].ID != a.specs[0].ID {
			t.Fatalf("Start was called with %+v, want the second to resume the first", a.specs)
		}
		// The half line is not stored, because its end may have come meanwhile.
		if diff := cmp.Diff([2]runner.Extent{{Lines: 2}, {}}, a.kept); diff != "" {
			t.Errorf("kept (-want +got):\n%s", diff)
		}
		tasks, err := e.Tasks(context.Background(), &runpb.ListTasksRequest{Parent: name})
		if err != nil || len(tasks.Tasks) == 0 {
			t.Fatal(tasks, err)
		}
		last := tasks.Tasks[0].LastAttemptResult
		if last.GetExitCode() != 137 || !strings.Contains(last.GetStatus().GetMessage(), "The configured memory limit was reached.") {
			t.Errorf("last attempt = %v, want exit code 137 and the message about memory", last)
		}
	})
}
