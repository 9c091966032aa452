package engine_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/enginetest"
	"github.com/runwith/runwith/internal/engine/tasklog"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/jobspec"
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

// interruptedLine is the platform's line about a task that runs again.
const interruptedLine = "W The task was interrupted, because the engine, or the task's Pod or machine, stopped. It runs again, in the same attempt."

// TestRestart stops the engine while three tasks run, and starts it again with each choice
// of what becomes of interrupted tasks.
func TestRestart(t *testing.T) {
	t.Parallel()
	const line = "W The task was interrupted, because the engine or its machine stopped."
	for name, test := range map[string]struct {
		fail    bool
		retries int32
		want    string   // counts
		log     []string // of each task
		warning string
	}{
		"rerun": {false, 0, "3 succeeded, 0 failed, 0 retried", []string{"I began", interruptedLine, "again", "I Container called exit(0)."},
			"it runs again in the same attempt"},
		"fail": {true, 0, "0 succeeded, 3 failed, 0 retried", []string{"I began", line}, "the task fails"},
		"fail, and retry": {true, 1, "3 succeeded, 0 failed, 3 retried", []string{"I began", line, "again", "I Container called exit(0)."},
			"the attempt fails and is retried"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, files := t.TempDir(), t.TempDir()
			e, closeFirst := open(t, dir)
			// The first incarnation of each task never ends; the second one does.
			createShell(t, e, 3, `if mkdir "$1/$CLOUD_RUN_TASK_INDEX" 2>/dev/null; then echo "I began"; touch "$1/$CLOUD_RUN_TASK_INDEX/x"; sleep 1000; fi; echo again`, files)
			setRetries(t, e, test.retries)
			operation := runHello(t, e)
			for _, task := range []string{"0", "1", "2"} {
				eventually.NoError(t, func() error {
					_, err := os.Stat(filepath.Join(files, task, "x"))
					return err
				})
			}
			closeFirst()

			var log lockedLog
			again := enginetest.Open(t, enginetest.Config{Config: engine.Config{
				Dir: dir, FailInterrupted: test.fail, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})),
			}})
			x := wait(t, again.Engine, operation)
			got := fmt.Sprintf("%d succeeded, %d failed, %d retried", x.SucceededCount, x.FailedCount, x.RetriedCount)
			if interrupted := x.Annotations[jobspec.InterruptedAnnotation]; got != test.want || interrupted != "3" || x.RunningCount != 0 {
				t.Errorf("execution after a restart = %s, %q interrupted, %d running; want %s, 3 interrupted", got, interrupted, x.RunningCount, test.want)
			}
			for task := range 3 {
				if diff := cmp.Diff(test.log, texts(logged(t, again.Engine, x.Name, tasklog.Query{Tasks: []int{task}}))); diff != "" {
					t.Errorf("log of task %d (-want +got):\n%s", task, diff)
				}
			}
			eventually.NoError(t, func() error { // a warning follows its commit
				if n := strings.Count(log.String(), "a running task was interrupted"); n != 3 || !strings.Contains(log.String(), test.warning) {
					return fmt.Errorf("%d warnings, want 3 that say %q:\n%s", n, test.warning, log.String())
				}
				return nil
			})
		})
	}
}

// lockedLog keeps the text of a log.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// setRetries sets the retries of the job hello.
func setRetries(t *testing.T, e *engine.Engine, retries int32) {
	t.Helper()
	job, err := e.Job(t.Context(), &runpb.GetJobRequest{Name: hello})
	if err != nil {
		t.Fatal(err)
	}
	job.Template.Template.Retries = &runpb.TaskTemplate_MaxRetries{MaxRetries: retries}
	if _, err := e.UpdateJob(t.Context(), &runpb.UpdateJobRequest{Job: job}); err != nil {
		t.Fatal(err)
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
