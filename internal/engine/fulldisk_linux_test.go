package engine_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/tasklog"
	"github.com/runwith/runwith/internal/testneed"
)

func TestFullDiskRefusesAndRecovers(t *testing.T) {
	t.Parallel()
	dir, fill, empty := testneed.SmallDisk(t)
	e, closeEngine := open(t, dir)
	gate := filepath.Join(t.TempDir(), "gate")
	createShell(t, e, 1, `while [ ! -e "$1" ]; do sleep 0.01; done`, gate)
	operation := runHello(t, e)

	fill()
	// The database's WAL still has some room, which runs out soon.
	var err error
	accepted := 1
	for ; err == nil && accepted < 10_000; accepted++ {
		_, err = e.RunJob(t.Context(), &runpb.RunJobRequest{Name: hello})
	}
	accepted--
	if runwith.CodeOf(err) != runwith.ResourceExhausted || apierror.Status(err) != http.StatusServiceUnavailable {
		t.Errorf("RunJob() on a full disk = %v (%v, HTTP %d), want RESOURCE_EXHAUSTED with 503", err, runwith.CodeOf(err), apierror.Status(err))
	}
	if job, err := e.Job(t.Context(), &runpb.GetJobRequest{Name: hello}); err != nil || int(job.ExecutionCount) != accepted {
		t.Errorf("executions on a full disk = %d, %v; want the %d accepted ones", job.GetExecutionCount(), err, accepted)
	}
	// The end of a task is stored when there is room again.
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	empty()
	if x := wait(t, e, operation); x.SucceededCount != 1 {
		t.Errorf("earlier execution: succeeded tasks = %d, want 1", x.SucceededCount)
	}
	if x := wait(t, e, runHello(t, e)); x.SucceededCount != 1 {
		t.Errorf("later execution: succeeded tasks = %d, want 1", x.SucceededCount)
	}
	closeEngine()
}

// updateShell replaces the job hello by one that runs another script.
func updateShell(t *testing.T, e *engine.Engine, script string, args ...string) {
	t.Helper()
	_, err := e.UpdateJob(t.Context(), &runpb.UpdateJobRequest{Job: &runpb.Job{Name: hello,
		Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{
			Retries:    &runpb.TaskTemplate_MaxRetries{MaxRetries: 0},
			Containers: []*runpb.Container{{Image: "sh", Command: []string{"sh", "-c", script, "sh"}, Args: args}},
		}},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// executionOf returns the name of an operation's execution.
func executionOf(t *testing.T, e *engine.Engine, operation string) string {
	t.Helper()
	op, err := e.Operation(t.Context(), &longrunningpb.GetOperationRequest{Name: operation})
	if err != nil {
		t.Fatal(err)
	}
	x := &runpb.Execution{}
	if err := op.Metadata.UnmarshalTo(x); err != nil {
		t.Fatal(err)
	}
	return x.Name
}

// printed runs a job that prints so many KiB, and returns the output that the engine kept.
func printed(t *testing.T, e *engine.Engine, kibibytes int) (x *runpb.Execution, kept []tasklog.Entry) {
	t.Helper()
	updateShell(t, e, `yes 0123456789012345678901234567890 | head -c "$1"`, strconv.Itoa(kibibytes<<10))
	x = wait(t, e, runHello(t, e))
	if x.SucceededCount != 1 {
		t.Errorf("a job that prints %d KiB: conditions = %v, want success", kibibytes, x.Conditions)
	}
	return x, logged(t, e, x.Name, tasklog.Query{Streams: []tasklog.Stream{tasklog.Stdout}})
}

// New output takes the place of the oldest, and only then is output lost. Both logs say so.
func TestOutputOnAFullDisk(t *testing.T) {
	t.Parallel()
	dir, _, _ := testneed.SmallDisk(t)
	e, closeEngine := open(t, dir)
	createShell(t, e, 1, `true`)
	const lines = 1200 << 10 / 32
	oldest, kept := printed(t, e, 1200)
	if len(kept) != lines {
		t.Fatalf("the first log has %d lines, want %d", len(kept), lines)
	}
	second, kept := printed(t, e, 1200)
	if len(kept) != lines {
		t.Errorf("the second log has %d lines, want %d", len(kept), lines)
	}
	left := func(x *runpb.Execution) []string {
		return texts(logged(t, e, x.Name, tasklog.Query{Streams: []tasklog.Stream{tasklog.Stdout}}))
	}
	_, kept = printed(t, e, 1200)
	if len(kept) != lines {
		t.Errorf("the third log has %d lines, want %d", len(kept), lines)
	}
	if got := left(oldest); len(got) != 1 || !strings.Contains(got[0], "removed this output, because the disk was almost full") {
		t.Errorf("the first log has %d lines, such as %.100q; want a notice alone", len(got), got[0])
	}
	_, kept = printed(t, e, 8<<10)
	if last := string(kept[len(kept)-1].Text); len(kept) < 100 || !strings.Contains(last, "did not keep the rest") {
		t.Errorf("the log that does not fit has %d lines and ends with %q; want a beginning and a notice", len(kept), last)
	}
	if got := left(second); len(got) != 1 {
		t.Errorf("the second log has %d lines; want a notice alone", len(got))
	}
	if _, kept = printed(t, e, 100); len(kept) != 100<<10/32 {
		t.Errorf("the log after it has %d lines, want all: the output before it makes room", len(kept))
	}
	closeEngine()
}

// newWork returns requests that store or check something new.
func newWork(t *testing.T, e *engine.Engine) map[string]func() (*longrunningpb.Operation, error) {
	ctx := t.Context()
	job := func(name, token string) *runpb.Job {
		return &runpb.Job{
			Name: name, CreateExecution: &runpb.Job_StartExecutionToken{StartExecutionToken: token},
			Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{Containers: []*runpb.Container{{Image: "sh", Command: []string{"true"}}}}},
		}
	}
	return map[string]func() (*longrunningpb.Operation, error){
		"RunJob()": func() (*longrunningpb.Operation, error) { return e.RunJob(ctx, &runpb.RunJobRequest{Name: hello}) },
		"RunJob() with validate_only": func() (*longrunningpb.Operation, error) {
			return e.RunJob(ctx, &runpb.RunJobRequest{Name: hello, ValidateOnly: true})
		},
		"UpdateJob() with a new token": func() (*longrunningpb.Operation, error) {
			return e.UpdateJob(ctx, &runpb.UpdateJobRequest{Job: job(hello, "new")})
		},
		"UpdateJob() that makes the job": func() (*longrunningpb.Operation, error) {
			return e.UpdateJob(ctx, &runpb.UpdateJobRequest{Job: job(parent+"/jobs/new", ""), AllowMissing: true})
		},
	}
}

// On a disk without a free byte, one can cancel running executions, update jobs, and delete
// executions that have ended. Nothing new begins.
func TestCancelAndDeleteOnAFullDisk(t *testing.T) {
	t.Parallel()
	dir, fill, empty := testneed.SmallDisk(t)
	e, closeEngine := open(t, dir)
	createShell(t, e, 1, `true`)
	ended, _ := printed(t, e, 200)
	updateShell(t, e, `sleep 1000`)
	running := runHello(t, e)
	if err := e.Ready(t.Context()); err != nil {
		t.Errorf("Ready() = %v, want nil", err)
	}
	fill()
	if err := e.Ready(t.Context()); cause.KindOf(err) != cause.DiskFull || apierror.Status(err) != http.StatusServiceUnavailable {
		t.Errorf("Ready() on a full disk = %v, want the full disk with 503", err)
	}
	for what, begin := range newWork(t, e) {
		if _, err := begin(); cause.KindOf(err) != cause.DiskFull {
			t.Errorf("%s on a full disk = %v, want the full disk", what, err)
		}
	}
	updateShell(t, e, `sleep 1000`)
	if _, err := e.CancelExecution(t.Context(), &runpb.CancelExecutionRequest{Name: executionOf(t, e, running)}); err != nil {
		t.Errorf("CancelExecution() on a full disk = %v, want nil", err)
	}
	if x := wait(t, e, running); x.CancelledCount != 1 {
		t.Errorf("the execution ended as %v, want cancelled", x.Conditions)
	}
	if _, err := e.DeleteExecution(t.Context(), &runpb.DeleteExecutionRequest{Name: ended.Name}); err != nil {
		t.Errorf("DeleteExecution() on a full disk = %v, want nil", err)
	}
	if names := logFiles(t, dir); len(names) > 0 {
		t.Errorf("files after the deletion = %v, want none", names)
	}
	empty()
	if err := e.Ready(t.Context()); err != nil {
		t.Errorf("Ready() on the emptied disk = %v, want nil", err)
	}
	closeEngine()
}
