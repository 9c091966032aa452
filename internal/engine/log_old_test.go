package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/tasklog"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/sqlite"
)

// oldLogs are the logs of the data folder testdata/folder2, by job. The last version
// with schema 2 wrote it. That version stored the platform's lines in the log files,
// and it read the same lines from them. Only the job silent has no log file.
var oldLogs = map[string][]string{
	"silent":  {"I Container called exit(0)."},
	"printed": {"hello", "I Container called exit(0)."},
	"retried": {"attempt 0", "W Container called exit(1).", "attempt 1", "I Container called exit(0)."},
	"failed":  {"W Container called exit(3).", "W Container called exit(3)."},
	"timeout": {"begins", "E Terminating task because it has reached the maximum timeout of 1 seconds. To change this limit, " +
		"see https://cloud.google.com/run/docs/configuring/task-timeout", "W Container terminated on signal 15."},
	"cancelled": {"begins", "W Container terminated on signal 15."},
	"unstarted": {notStarted},
	"tasks":     {"I Container called exit(0).", "second", "I Container called exit(0)."},
}

func TestPlatformLinesOfAnOldDataFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "folder2"))); err != nil {
		t.Fatal(err)
	}
	e, _ := open(t, dir)
	for job, want := range oldLogs {
		x := onlyExecution(t, e, job)
		for _, q := range []tasklog.Query{{}, {Reverse: true}} {
			got := texts(logged(t, e, x.Name, q))
			if q.Reverse {
				slices.Reverse(got)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("log of job %s, reverse %v, differs (-want +got):\n%s", job, q.Reverse, diff)
			}
		}
	}
}

// TestOldPlatformLineOfAnUnfinishedAttempt opens a folder of a version that was killed
// after it had stored the line of an attempt, and before it stored the end.
func TestOldPlatformLineOfAnUnfinishedAttempt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "folder2"))); err != nil {
		t.Fatal(err)
	}
	changeSchema2(t, dir,
		`UPDATE tasks SET state = 'running', completed = 0 WHERE execution IN (SELECT id FROM executions WHERE name LIKE '%/jobs/printed/%')`,
		`UPDATE executions SET state = 'running', completed = 0, succeeded = 0, running = 1 WHERE name LIKE '%/jobs/printed/%'`)
	e, _ := open(t, dir)
	x := onlyExecution(t, e, "printed")
	waitForEnd(t, e, x.Name)
	want := []string{"hello", interruptedLine, "hello", "I Container called exit(0)."} // the attempt was lost, and repeated
	if diff := cmp.Diff(want, texts(logged(t, e, x.Name, tasklog.Query{}))); diff != "" {
		t.Errorf("log differs (-want +got):\n%s", diff)
	}
}

// changeSchema2 runs statements on a database of schema 2.
func changeSchema2(t *testing.T, dir string, statements ...string) {
	t.Helper()
	scripts, err := sqlite.Scripts(os.DirFS("."), "schema/1.sql", "schema/2.sql")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, "engine.db"), Migrations: scripts})
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range statements {
		if err := db.Write(t.Context(), func(tx *sqlite.Tx) error {
			n, err := tx.Exec(statement)
			if err == nil && n != 1 {
				err = fmt.Errorf("%d rows changed, want 1: %s", n, statement)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func onlyExecution(t *testing.T, e *engine.Engine, job string) *runpb.Execution {
	t.Helper()
	list, err := e.Executions(t.Context(), &runpb.ListExecutionsRequest{Parent: parent + "/jobs/" + job})
	if err != nil || len(list.Executions) != 1 {
		t.Fatalf("executions of %s = %v, %v, want one", job, list, err)
	}
	return list.Executions[0]
}

// waitForEnd waits for the end of an execution that an earlier engine started.
func waitForEnd(t *testing.T, e *engine.Engine, execution string) {
	t.Helper()
	eventually.NoError(t, func() error {
		x, err := e.Execution(t.Context(), &runpb.GetExecutionRequest{Name: execution})
		if err == nil && x.CompletionTime == nil {
			err = fmt.Errorf("%s has not ended", execution)
		}
		return err
	})
}
