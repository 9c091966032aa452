package engine_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/tasklog"
	"github.com/runwith/runwith/internal/jobspec"
)

func TestLogSourcesAreThoseOfTheSelection(t *testing.T) {
	t.Parallel()
	e, _ := open(t, t.TempDir())
	createShell(t, e, 1, "true")
	first, second := wait(t, e, runHello(t, e)), wait(t, e, runHello(t, e))
	ended := second.CompletionTime.AsTime()
	demo := []string{"demo"}
	id := path.Base(first.Name)
	for name, test := range map[string]struct {
		selection engine.LogSelection
		want      int
	}{
		"a project":                      {engine.LogSelection{Projects: demo}, 2},
		"another project":                {engine.LogSelection{Projects: []string{"other"}}, 0},
		"both":                           {engine.LogSelection{Projects: []string{"other", "demo"}}, 2},
		"its region":                     {engine.LogSelection{Projects: demo, Regions: []string{"us-east4"}}, 2},
		"another region":                 {engine.LogSelection{Projects: demo, Regions: []string{"us-east5"}}, 0},
		"no region":                      {engine.LogSelection{Projects: demo, Regions: []string{}}, 0},
		"its job":                        {engine.LogSelection{Projects: demo, Jobs: []string{"hello", "x"}}, 2},
		"a job whose name begins alike":  {engine.LogSelection{Projects: demo, Jobs: []string{"hell"}}, 0},
		"an execution":                   {engine.LogSelection{Projects: demo, Executions: []string{id, "hello-none0"}}, 1},
		"an execution of another job":    {engine.LogSelection{Projects: demo, Jobs: []string{"x"}, Executions: []string{id}}, 0},
		"an execution in another region": {engine.LogSelection{Projects: demo, Regions: []string{"x"}, Executions: []string{id}}, 0},
		"since the end":                  {engine.LogSelection{Projects: demo, From: ended}, 2},
		"long after the end":             {engine.LogSelection{Projects: demo, From: ended.Add(2 * time.Hour)}, 0},
		"after the end, by name":         {engine.LogSelection{Projects: demo, From: ended.Add(2 * time.Hour), Executions: []string{id}}, 0},
		"long before the beginning":      {engine.LogSelection{Projects: demo, To: first.CreateTime.AsTime().Add(-2 * time.Hour)}, 0},
		"from the first moment on":       {engine.LogSelection{Projects: demo, From: time.Unix(0, -1<<63), To: time.Unix(0, 1<<63-1)}, 2},
	} {
		sources, err := e.LogSources(t.Context(), test.selection)
		if err != nil || len(sources) != test.want {
			t.Errorf("%s: LogSources() = %v, %v, want %d", name, sources, err, test.want)
		}
	}
}

func TestALogIsOpenedUntilItsExecutionIsDeleted(t *testing.T) {
	t.Parallel()
	e, _ := open(t, t.TempDir())
	createShell(t, e, 1, "echo printed")
	x := wait(t, e, runHello(t, e))
	sources, err := e.LogSources(t.Context(), engine.LogSelection{Projects: []string{"demo"}})
	if err != nil || len(sources) != 1 || sources[0].Ended.IsZero() {
		t.Fatalf("LogSources() = %v, %v, want one that has ended", sources, err)
	}
	name, reader, err := e.OpenLog(t.Context(), sources[0].ID, tasklog.Query{Streams: []tasklog.Stream{tasklog.Stdout}})
	if err != nil || name.String() != x.Name {
		t.Fatalf("OpenLog() = %v, %v, want %s", name, err, x.Name)
	}
	batch, err := reader.Next(t.Context())
	if err != nil || len(batch.Entries) != 1 || string(batch.Entries[0].Text) != "printed" {
		t.Errorf("Next() = %v, %v, want what the task printed", batch, err)
	}
	if _, err := reader.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("Next() at the end = %v, want io.EOF", err)
	}
	if _, err := e.DeleteExecution(context.WithoutCancel(t.Context()), &runpb.DeleteExecutionRequest{Name: x.Name}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := e.OpenLog(t.Context(), sources[0].ID, tasklog.Query{}); runwith.CodeOf(err) != runwith.NotFound {
		t.Errorf("OpenLog() of a deleted execution = %v, want NOT_FOUND", err)
	}
	if sources, err := e.LogSources(t.Context(), engine.LogSelection{Projects: []string{"demo"}}); err != nil || len(sources) != 0 {
		t.Errorf("LogSources() after the deletion = %v, %v, want none", sources, err)
	}
}

// logFiles returns the names of what is in the log folder below dir.
func logFiles(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(dir, "logs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		names = append(names, f.Name())
	}
	return names
}

// logged returns the lines of an execution's log that a query finds.
func logged(t *testing.T, e *engine.Engine, execution string, q tasklog.Query) (entries []tasklog.Entry) {
	t.Helper()
	name, err := jobspec.ParseExecution(execution)
	if err != nil {
		t.Fatal(err)
	}
	for entry, err := range e.Log(t.Context(), name, q) {
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry)
	}
	return entries
}

func TestAOneTaskExecutionThatIsSilentAndSucceedsMakesNoFileAndHasItsLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e, shut := open(t, dir)
	createShell(t, e, 1, "true")
	x := wait(t, e, runHello(t, e))
	if files := logFiles(t, dir); len(files) != 0 {
		t.Errorf("log folder has %v, want nothing", files)
	}
	ended := x.CompletionTime.AsTime()
	want := []tasklog.Entry{{Time: ended, Stream: tasklog.System, Level: tasklog.Info, Text: []byte("Container called exit(0).")}}
	for range 2 { // as it is, and after a restart
		got := logged(t, e, x.Name, tasklog.Query{})
		for i := range got {
			if got[i].Pos == 0 {
				t.Errorf("Log() = %v, want a place behind it", got)
			}
			got[i].Pos = 0
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Log() differs (-want +got):\n%s", diff)
		}
		shut()
		e, shut = open(t, dir)
	}
	at := logged(t, e, x.Name, tasklog.Query{})[0].Pos
	for name, test := range map[string]struct {
		query tasklog.Query
		want  int
	}{
		"in reverse":        {tasklog.Query{Reverse: true}, 1},
		"from its time on":  {tasklog.Query{Since: ended}, 1},
		"after its time":    {tasklog.Query{Since: ended.Add(1)}, 0},
		"before its time":   {tasklog.Query{Until: ended.Add(-1)}, 0},
		"behind its place":  {tasklog.Query{After: at}, 0},
		"before its place":  {tasklog.Query{Before: at, Reverse: true}, 0},
		"of its task":       {tasklog.Query{Tasks: []int{0}}, 1},
		"of another task":   {tasklog.Query{Tasks: []int{1}}, 0},
		"of what it prints": {tasklog.Query{Streams: []tasklog.Stream{tasklog.Stdout, tasklog.Stderr}}, 0},
	} {
		if got := logged(t, e, x.Name, test.query); len(got) != test.want {
			t.Errorf("%s: Log() = %v, want %d lines", name, got, test.want)
		}
	}
}

func TestWhatAnExecutionDoesNotTellIsWrittenToItsLog(t *testing.T) {
	t.Parallel()
	const exit0, exit1 = "Container called exit(0).", "Container called exit(1)."
	for name, test := range map[string]struct {
		tasks  int32
		script string
		want   []string
	}{
		"two tasks":         {2, "true", []string{exit0, exit0}},
		"it fails":          {1, "exit 1", []string{exit1}},
		"it is retried":     {1, `[ "$CLOUD_RUN_TASK_ATTEMPT" = 1 ]`, []string{exit1, exit0}},
		"it prints a line":  {1, "echo hello", []string{"hello", exit0}},
		"a line in pieces":  {1, "printf hel; sleep 0.05; printf lo", []string{"hello", exit0}},
		"it prints nothing": {1, "printf ''", []string{exit0}}, // this one is told, and reads the same
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			e, _ := open(t, dir)
			_, err := e.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: "hello", Job: &runpb.Job{
				Template: &runpb.ExecutionTemplate{TaskCount: test.tasks, Template: &runpb.TaskTemplate{
					Retries:    &runpb.TaskTemplate_MaxRetries{MaxRetries: int32(len(test.want) - 1)},
					Containers: []*runpb.Container{{Image: "sh", Command: []string{"sh", "-c", test.script}}}}}}})
			if err != nil {
				t.Fatal(err)
			}
			op := runHello(t, e)
			if _, err := e.WaitOperation(t.Context(), &longrunningpb.WaitOperationRequest{Name: op}); err != nil {
				t.Fatal(err)
			}
			sources, err := e.LogSources(t.Context(), engine.LogSelection{Projects: []string{"demo"}})
			if err != nil || len(sources) != 1 {
				t.Fatalf("LogSources() = %v, %v, want one", sources, err)
			}
			_, reader, err := e.OpenLog(t.Context(), sources[0].ID, tasklog.Query{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for entry, err := range reader.All(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(entry.Text))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("log differs (-want +got):\n%s", diff)
			}
			if files, told := logFiles(t, dir), name == "it prints nothing"; (len(files) == 0) != told {
				t.Errorf("log folder has %v", files)
			}
		})
	}
}

func TestWhoWatchesLogsIsToldOfASilentSuccess(t *testing.T) {
	t.Parallel()
	e, _ := open(t, t.TempDir())
	createShell(t, e, 1, "true")
	watch := e.WatchLogs()
	defer watch.Close()
	x := wait(t, e, runHello(t, e))
	spans, _ := watch.Take()
	if len(spans) != 1 || spans[0].Label != x.Name {
		t.Fatalf("Take() = %v, want one of %s", spans, x.Name)
	}
	if got := logged(t, e, x.Name, tasklog.Query{}); len(got) != 1 || got[0].Pos != spans[0].To {
		t.Errorf("Log() = %v, want the one line that was told of, up to %d", got, spans[0].To)
	}
}
