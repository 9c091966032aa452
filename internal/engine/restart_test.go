package engine_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/enginetest"
	"github.com/runwith/runwith/internal/eventually"
)

const (
	parent = "projects/demo/locations/us-east4"
	hello  = parent + "/jobs/hello"
)

// open opens an engine with real processes on a data folder. The test may call close before
// its end.
func open(t testing.TB, dir string) (e *engine.Engine, close func()) {
	t.Helper()
	opened := enginetest.Open(t, enginetest.Config{Config: engine.Config{Dir: dir}})
	return opened.Engine, opened.Close
}

// createShell creates the job hello, which runs a script with the arguments.
func createShell(t testing.TB, e *engine.Engine, tasks int32, script string, args ...string) {
	t.Helper()
	_, err := e.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: "hello", Job: &runpb.Job{
		Template: &runpb.ExecutionTemplate{TaskCount: tasks, Template: &runpb.TaskTemplate{
			Retries:    &runpb.TaskTemplate_MaxRetries{MaxRetries: 0},
			Containers: []*runpb.Container{{Image: "sh", Command: []string{"sh", "-c", script, "sh"}, Args: args}},
		}},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func runHello(t *testing.T, e *engine.Engine) (operation string) {
	t.Helper()
	op, err := e.RunJob(t.Context(), &runpb.RunJobRequest{Name: hello})
	if err != nil {
		t.Fatal(err)
	}
	return op.Name
}

// wait waits for an operation and returns its execution.
func wait(t *testing.T, e *engine.Engine, operation string) *runpb.Execution {
	t.Helper()
	op, err := e.WaitOperation(t.Context(), &longrunningpb.WaitOperationRequest{Name: operation})
	if err != nil {
		t.Fatalf("WaitOperation() = %v", err)
	}
	x := &runpb.Execution{}
	if err := op.Metadata.UnmarshalTo(x); err != nil {
		t.Fatal(err)
	}
	return x
}

func TestRestartRunsTasksAgain(t *testing.T) {
	t.Parallel()
	dir, files := t.TempDir(), t.TempDir()
	e, closeFirst := open(t, dir)
	// The first incarnation of each task never ends; the second one does.
	createShell(t, e, 3, `if mkdir "$1/$CLOUD_RUN_TASK_INDEX"; then sleep 1000; fi; echo again`, files)
	operation := runHello(t, e)
	for _, task := range []string{"0", "1", "2"} {
		eventually.NoError(t, func() error {
			_, err := os.Stat(filepath.Join(files, task))
			return err
		})
	}
	closeFirst()

	e, _ = open(t, dir)
	x := wait(t, e, operation)
	if x.SucceededCount != 3 || x.RunningCount != 0 || x.RetriedCount != 0 || x.FailedCount != 0 {
		t.Errorf("execution after a restart = %d succeeded, %d running, %d retried, %d failed; want 3 succeeded, and no retry of the job's",
			x.SucceededCount, x.RunningCount, x.RetriedCount, x.FailedCount)
	}
}

func TestRestartKeepsEndedExecutions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e, closeFirst := open(t, dir)
	createShell(t, e, 1, `exit 1`)
	before := wait(t, e, runHello(t, e))
	closeFirst()

	e, _ = open(t, dir)
	after, err := e.Execution(t.Context(), &runpb.GetExecutionRequest{Name: before.Name})
	if err != nil {
		t.Fatal(err)
	}
	if after.Etag != before.Etag || after.FailedCount != 1 || after.Reconciling {
		t.Errorf("execution after a restart = %v, want it unchanged", after)
	}
}

func TestWaitOperationTimeout(t *testing.T) {
	t.Parallel()
	e, _ := open(t, t.TempDir())
	createShell(t, e, 1, `sleep 1000`)
	operation := runHello(t, e)
	op, err := e.WaitOperation(t.Context(), &longrunningpb.WaitOperationRequest{Name: operation, Timeout: durationpb.New(10 * time.Millisecond)})
	if err != nil || op.Done {
		t.Errorf("WaitOperation(10 ms) of a long run: done = %v, %v; want false", op.GetDone(), err)
	}
}

func TestCloseEndsWaits(t *testing.T) {
	t.Parallel()
	e, closeEngine := open(t, t.TempDir())
	createShell(t, e, 1, `sleep 1000`)
	operation := runHello(t, e)
	answered := make(chan error)
	go func() {
		_, err := e.WaitOperation(t.Context(), &longrunningpb.WaitOperationRequest{Name: operation})
		answered <- err
	}()
	closeEngine()
	if err := <-answered; err == nil {
		t.Error("WaitOperation() while the engine closes = nil, want an error")
	}
	if _, err := e.RunJob(t.Context(), &runpb.RunJobRequest{Name: hello}); runwith.CodeOf(err) != runwith.Unavailable {
		t.Errorf("RunJob() of a closed engine = %v, want UNAVAILABLE", err)
	}
}

func TestMoreTasksThanPlaces(t *testing.T) {
	t.Parallel()
	e, _ := open(t, t.TempDir())
	createShell(t, e, 200, `exit 0`)
	if x := wait(t, e, runHello(t, e)); x.SucceededCount != 200 {
		t.Errorf("succeeded tasks = %d, want 200", x.SucceededCount)
	}
}

func TestWaitOperationAfterDeletion(t *testing.T) {
	t.Parallel()
	e, _ := open(t, t.TempDir())
	createShell(t, e, 1, "sleep 60")
	op := &longrunningpb.DeleteOperationRequest{Name: runHello(t, e)}
	if err := e.DeleteOperation(t.Context(), op); err != nil {
		t.Fatal(err)
	}
	if got, err := e.WaitOperation(t.Context(), &longrunningpb.WaitOperationRequest{Name: op.Name}); runwith.CodeOf(err) != runwith.NotFound {
		t.Errorf("WaitOperation() of a deleted operation = %v, %v, want NOT_FOUND", got, err)
	}
}
