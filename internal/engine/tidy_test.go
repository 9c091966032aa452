package engine

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner/process"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/jobspec"
)

var tidyHome = jobspec.Location{Project: "demo", Region: "us-east4"}

// kept is an engine that keeps few executions, with real processes, and its task log.
type kept struct {
	*Engine
	t    *testing.T
	dir  string
	logs string
}

func keeping(t *testing.T, executions int) *kept {
	t.Helper()
	dir := t.TempDir()
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	runner, err := process.Open(process.Config{Dir: filepath.Join(dir, "run"), Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	logs := openLogs(t, dir)
	e, err := Open(t.Context(), Config{Dir: dir, Runner: runner, Logs: logs, Logger: logger, KeepExecutions: executions, Grace: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(e.Close(), logs.Close(), runner.Close()); err != nil {
			t.Error(err)
		}
	})
	return &kept{e, t, dir, filepath.Join(dir, "logs")}
}

// create creates a job whose tasks print a line and then run a script.
func (k *kept) create(job, script string) {
	k.t.Helper()
	_, err := k.CreateJob(k.t.Context(), &runpb.CreateJobRequest{Parent: tidyHome.String(), JobId: job, Job: &runpb.Job{
		Template: &runpb.ExecutionTemplate{TaskCount: 2, Template: &runpb.TaskTemplate{
			Retries:    &runpb.TaskTemplate_MaxRetries{MaxRetries: 0},
			Containers: []*runpb.Container{{Image: "sh", Command: []string{"sh", "-c", "echo printed; " + script}}},
		}},
	}})
	if err != nil {
		k.t.Fatal(err)
	}
}

// run runs a job. Unless the job is held, run waits for its end.
func (k *kept) run(job string) (x *runpb.Execution, operation string) {
	k.t.Helper()
	op, err := k.RunJob(k.t.Context(), &runpb.RunJobRequest{Name: jobspec.JobName{Location: tidyHome, Job: job}.String()})
	if err != nil {
		k.t.Fatal(err)
	}
	x = &runpb.Execution{}
	if err := op.Metadata.UnmarshalTo(x); err != nil {
		k.t.Fatal(err)
	}
	return x, op.Name
}

func (k *kept) wait(operation string) {
	k.t.Helper()
	op, err := k.WaitOperation(k.t.Context(), &longrunningpb.WaitOperationRequest{Name: operation})
	if err != nil || !op.Done {
		k.t.Fatalf("WaitOperation() = %v, %v", op, err)
	}
}

// names lists the executions of a job, or of all jobs for "-".
func (k *kept) names(job string, deleted bool) (names []string) {
	k.t.Helper()
	res, err := k.Executions(k.t.Context(), &runpb.ListExecutionsRequest{Parent: jobspec.JobName{Location: tidyHome, Job: job}.String(), ShowDeleted: deleted})
	if err != nil {
		k.t.Fatal(err)
	}
	for _, x := range res.Executions {
		names = append(names, x.Name)
	}
	return names
}

func (k *kept) hasOutput(x *runpb.Execution) bool {
	_, err := os.Stat(filepath.Join(k.logs, x.Uid+".log"))
	return err == nil
}

// rows returns the number of rows of a query.
func (k *kept) rows(query string, args ...any) (n int) {
	k.t.Helper()
	err := k.read(k.t.Context(), func(tx *storeTx) error {
		return tx.QueryRow(`SELECT count(*) FROM `+query, args...).Scan(&n)
	})
	if err != nil {
		k.t.Fatal(err)
	}
	return n
}

func TestNewestExecutionsAreKept(t *testing.T) {
	t.Parallel()
	k := keeping(t, 3)
	k.create("many", "exit 0")
	k.create("few", "exit 0")
	_, operation := k.run("few")
	k.wait(operation)
	var all []*runpb.Execution
	for range 8 {
		x, operation := k.run("many")
		k.wait(operation)
		all = slices.Insert(all, 0, x)
	}
	newest, old := all[:3], all[3:]

	eventually.True(t, "the old output is gone", func() bool {
		return !slices.ContainsFunc(old, k.hasOutput)
	})
	want := []string{newest[0].Name, newest[1].Name, newest[2].Name}
	if got := k.names("many", false); !slices.Equal(got, want) {
		t.Errorf("executions kept = %v, want %v", got, want)
	}
	for _, x := range newest {
		if !k.hasOutput(x) {
			t.Errorf("%s has no output, want it kept", x.Name)
		}
	}
	if got := k.names("few", false); len(got) != 1 {
		t.Errorf("executions of another job = %v, want its only one", got)
	}
	if got := len(k.names("many", true)); got != 8 {
		t.Errorf("executions including deleted ones = %d, want 8", got)
	}
	job, err := k.Job(t.Context(), &runpb.GetJobRequest{Name: jobspec.JobName{Location: tidyHome, Job: "many"}.String()})
	if err != nil || job.ExecutionCount != 3 || job.LatestCreatedExecution.GetName() != want[0] {
		t.Errorf("job = %v, %v; want 3 executions, the newest %s", job, err, want[0])
	}
	for _, x := range old {
		if _, err := k.Execution(t.Context(), &runpb.GetExecutionRequest{Name: x.Name}); runwith.CodeOf(err) != runwith.NotFound {
			t.Errorf("Execution() of an old one = %v, want NOT_FOUND", err)
		}
	}
	// The engine removes the output before the commit that removes the tasks.
	eventually.True(t, "8 tasks are on disk, of the four that are kept", func() bool { return k.rows(`tasks`) == (3+1)*2 })
}

func TestLiveExecutionsDoNotCountForTheLimit(t *testing.T) {
	t.Parallel()
	k := keeping(t, 1)
	gate := filepath.Join(t.TempDir(), "gate")
	k.create("held", `while [ ! -e `+strconv.Quote(gate)+` ]; do sleep 0.01; done`)
	k.create("quick", `exit 0`)
	var running []string
	for range 3 {
		x, _ := k.run("held")
		running = slices.Insert(running, 0, x.Name)
	}
	for range 2 {
		_, operation := k.run("quick")
		k.wait(operation)
	}
	eventually.True(t, "one quick execution is left", func() bool { return len(k.names("quick", false)) == 1 })
	if got := k.names("held", false); !slices.Equal(got, running) {
		t.Errorf("live executions = %v, want %v", got, running)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually.True(t, "one held execution is left", func() bool { return slices.Equal(k.names("held", false), running[:1]) })
}

func TestDeletionRemovesOutput(t *testing.T) {
	t.Parallel()
	k := keeping(t, 10)
	k.create("one", "exit 0")
	k.create("two", "exit 0")
	first, operation := k.run("one")
	k.wait(operation)
	second, operation := k.run("one")
	k.wait(operation)
	third, operation := k.run("two")
	k.wait(operation)
	if _, err := k.DeleteExecution(t.Context(), &runpb.DeleteExecutionRequest{Name: first.Name}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.DeleteJob(t.Context(), &runpb.DeleteJobRequest{Name: jobspec.JobName{Location: tidyHome, Job: "two"}.String()}); err != nil {
		t.Fatal(err)
	}
	eventually.True(t, "the output of what was deleted is gone", func() bool { return !k.hasOutput(first) && !k.hasOutput(third) })
	eventually.True(t, "the tasks of what was deleted are gone", func() bool { return k.rows(`tasks`) == 2 })
	if !k.hasOutput(second) {
		t.Error("an execution that was not deleted has no output, want it kept")
	}
}

// TestDeletedObjectsExpire checks that deleted objects and old operations are removed after a
// month, also if the engine did not run in between.
func TestDeletedObjectsExpire(t *testing.T) {
	t.Parallel()
	k := keeping(t, 10)
	k.create("gone", "exit 0")
	k.create("kept", "exit 0")
	for _, job := range []string{"gone", "kept"} {
		_, operation := k.run(job)
		k.wait(operation)
	}
	if _, err := k.DeleteJob(t.Context(), &runpb.DeleteJobRequest{Name: jobspec.JobName{Location: tidyHome, Job: "gone"}.String()}); err != nil {
		t.Fatal(err)
	}
	x, operation := k.run("kept")
	k.wait(operation)
	if _, err := k.DeleteExecution(t.Context(), &runpb.DeleteExecutionRequest{Name: x.Name}); err != nil {
		t.Fatal(err)
	}
	before := k.rows(`operations`)
	if err := k.tidy(t.Context(), time.Now().Add(deletedFor-time.Hour), true); err != nil {
		t.Fatal(err)
	}
	if got := k.rows(`operations`); got != before || k.rows(`jobs`) != 2 || k.rows(`executions`) != 3 {
		t.Errorf("an hour early: operations = %d of %d, jobs = %d, executions = %d; want nothing removed", got, before, k.rows(`jobs`), k.rows(`executions`))
	}
	if err := k.tidy(t.Context(), time.Now().Add(deletedFor+time.Hour), true); err != nil {
		t.Fatal(err)
	}
	if jobs, executions, operations := k.rows(`jobs`), k.rows(`executions`), k.rows(`operations`); jobs != 1 || executions != 1 || operations != 0 {
		t.Errorf("jobs, executions, operations = %d, %d, %d; want only the job and the execution that were not deleted", jobs, executions, operations)
	}
	if _, err := k.Operations(t.Context(), &longrunningpb.ListOperationsRequest{Name: tidyHome.String()}); err != nil {
		t.Errorf("Operations() = %v", err)
	}
}

func TestOpenOperationsDoNotExpire(t *testing.T) {
	t.Parallel()
	k := keeping(t, 10)
	k.create("held", "sleep 1000")
	_, operation := k.run("held")
	if err := k.tidy(t.Context(), time.Now().Add(deletedFor+time.Hour), true); err != nil {
		t.Fatal(err)
	}
	name, err := jobspec.ParseOperation(operation)
	if err != nil {
		t.Fatal(err)
	}
	if at, err := k.operation(t.Context(), name); err != nil || at.op.Done {
		t.Errorf("operation of a live run = %v, %v; want it open", at.op, err)
	}
	if got := k.rows(`operations`); got != 1 {
		t.Errorf("operations = %d, want only the one of the run", got)
	}
}
