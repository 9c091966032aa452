package engine_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/tasklog"
)

func TestLogSources(t *testing.T) {
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

func TestOpenLogUntilDeletion(t *testing.T) {
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
		t.Errorf("Next() = %v, %v, want the task's output", batch, err)
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

// logFiles returns the names of the files in the log folder below dir.
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

// logged returns the lines of an execution's log that a query selects.
func logged(t *testing.T, e *engine.Engine, execution string, q tasklog.Query) (entries []tasklog.Entry) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // it may be called in a bubble
	sources, err := e.LogSources(ctx, engine.LogSelection{Projects: []string{"demo"}, Executions: []string{path.Base(execution)}})
	if err != nil || len(sources) != 1 {
		t.Fatalf("LogSources() = %v, %v, want one", sources, err)
	}
	_, reader, err := e.OpenLog(ctx, sources[0].ID, q)
	if err != nil {
		t.Fatal(err)
	}
	for entry, err := range reader.All(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry)
	}
	return entries
}

// texts are the texts of entries, each with its level if it has one.
func texts(entries []tasklog.Entry) (all []string) {
	for _, e := range entries {
		text := string(e.Text)
		if e.Level != 0 {
			text = string(e.Level) + " " + text
		}
		all = append(all, text)
	}
	return all
}

func TestSilentSuccessMakesNoLogFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e, shut := open(t, dir)
	createShell(t, e, 2, "true")
	x := wait(t, e, runHello(t, e))
	for range 2 { // at once, and after a restart
		got := logged(t, e, x.Name, tasklog.Query{Tasks: []int{1}})
		if len(got) != 1 {
			t.Fatalf("log of task 1 = %v, want one line", got)
		}
		want := tasklog.Entry{
			Pos: tasklog.DerivedPos(1, 0, 0), Time: got[0].Time, Task: 1, Stream: tasklog.System, Level: tasklog.Info, Text: []byte("Container called exit(0)."),
		}
		if diff := cmp.Diff(want, got[0]); diff != "" {
			t.Errorf("the line differs (-want +got):\n%s", diff)
		}
		shut()
		e, shut = open(t, dir)
	}
	if files := logFiles(t, dir); len(files) != 0 {
		t.Errorf("log folder has %v, want nothing", files)
	}
}

func TestQueriesOfPlatformLines(t *testing.T) {
	t.Parallel()
	e, _ := open(t, t.TempDir())
	createShell(t, e, 1, "true")
	x := wait(t, e, runHello(t, e))
	ended := x.CompletionTime.AsTime()
	for name, test := range map[string]struct {
		query tasklog.Query
		want  int
	}{
		"all":                  {tasklog.Query{}, 1},
		"in reverse":           {tasklog.Query{Reverse: true}, 1},
		"from its time on":     {tasklog.Query{Since: ended}, 1},
		"after its time":       {tasklog.Query{Since: ended.Add(1)}, 0},
		"until its time":       {tasklog.Query{Until: ended}, 1},
		"before its time":      {tasklog.Query{Until: ended.Add(-1)}, 0},
		"in a time far away":   {tasklog.Query{Since: time.Unix(1<<40, 0)}, 0},
		"of its task":          {tasklog.Query{Tasks: []int{0}}, 1},
		"of another task":      {tasklog.Query{Tasks: []int{1}}, 0},
		"of the platform":      {tasklog.Query{Streams: []tasklog.Stream{tasklog.System}}, 1},
		"of the tasks' output": {tasklog.Query{Streams: []tasklog.Stream{tasklog.Stdout, tasklog.Stderr}}, 0},
	} {
		if got := logged(t, e, x.Name, test.query); len(got) != test.want {
			t.Errorf("%s: log = %v, want %d lines", name, got, test.want)
		}
	}
}

// TestPlatformLinesOfEachEnd checks the log for each way in which an execution ends.
func TestPlatformLinesOfEachEnd(t *testing.T) {
	t.Parallel()
	const (
		exit0, exit1, exit3 = "I Container called exit(0).", "W Container called exit(1).", "W Container called exit(3)."
		signal15            = "W Container terminated on signal 15."
		timeout             = "E Terminating task because it has reached the maximum timeout of 1 seconds. To change this limit, see https://cloud.google.com/run/docs/configuring/task-timeout"
	)
	for name, test := range map[string]struct {
		command []string
		retries int32
		want    []string
	}{
		"silent":         {shell("true"), 0, []string{exit0}},
		"it prints":      {shell("echo hello"), 0, []string{"hello", exit0}},
		"half a line":    {shell("printf hel; printf lo"), 0, []string{"hello", exit0}},
		"it is retried":  {shell(`echo attempt $CLOUD_RUN_TASK_ATTEMPT; [ "$CLOUD_RUN_TASK_ATTEMPT" = 1 ]`), 1, []string{"attempt 0", exit1, "attempt 1", exit0}},
		"it fails twice": {shell("exit 3"), 1, []string{exit3, exit3}},
		"it is killed":   {shell("kill -9 $$"), 0, []string{"W Container terminated on signal 9."}},
		"timeout":        {shell("echo begins; exec sleep 1000"), 0, []string{"begins", timeout, signal15}},
		"no such command": {[]string{"/no/such/command"}, 1, []string{
			notStarted, notStarted,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			e, shut := open(t, dir)
			_, err := e.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: "hello", Job: &runpb.Job{
				Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{
					Timeout:    durationpb.New(time.Second),
					Retries:    &runpb.TaskTemplate_MaxRetries{MaxRetries: test.retries},
					Containers: []*runpb.Container{{Image: "sh", Command: test.command}}}}}})
			if err != nil {
				t.Fatal(err)
			}
			op, err := e.WaitOperation(t.Context(), &longrunningpb.WaitOperationRequest{Name: runHello(t, e)})
			if err != nil {
				t.Fatal(err)
			}
			x := &runpb.Execution{}
			if err := op.Metadata.UnmarshalTo(x); err != nil {
				t.Fatal(err)
			}
			for range 2 { // at once, and after a restart
				if diff := cmp.Diff(test.want, texts(logged(t, e, x.Name, tasklog.Query{}))); diff != "" {
					t.Errorf("log differs (-want +got):\n%s", diff)
				}
				backwards := texts(logged(t, e, x.Name, tasklog.Query{Reverse: true}))
				slices.Reverse(backwards)
				if diff := cmp.Diff(test.want, backwards); diff != "" {
					t.Errorf("log in reverse differs (-want +got):\n%s", diff)
				}
				shut()
				e, shut = open(t, dir)
			}
		})
	}
}

func shell(script string) []string { return []string{"sh", "-c", script} }

const notStarted = `E Application failed to start: template.template.containers[0].command: "/no/such/command" was not found ` +
	`(nor, for a script, what its #! line names); name a file of this machine, or a command in the PATH.`

func TestPlatformLinesOfACancelledExecution(t *testing.T) {
	t.Parallel()
	e, _ := open(t, t.TempDir())
	createShell(t, e, 2, "echo begins; exec sleep 1000")
	op, err := e.RunJob(t.Context(), &runpb.RunJobRequest{Name: hello, Overrides: &runpb.RunJobRequest_Overrides{TaskCount: 1}})
	if err != nil {
		t.Fatal(err)
	}
	x := &runpb.Execution{}
	if err := op.Metadata.UnmarshalTo(x); err != nil {
		t.Fatal(err)
	}
	watch := e.WatchLogs()
	defer watch.Close()
	for len(logged(t, e, x.Name, tasklog.Query{})) == 0 {
		select {
		case <-watch.Ready():
		case <-t.Context().Done():
			t.Fatal("no output of the task, want some before the cancel")
		}
	}
	if _, err := e.CancelExecution(t.Context(), &runpb.CancelExecutionRequest{Name: x.Name}); err != nil {
		t.Fatal(err)
	}
	wait(t, e, op.Name)
	want := []string{"begins", "W Container terminated on signal 15."}
	if diff := cmp.Diff(want, texts(logged(t, e, x.Name, tasklog.Query{}))); diff != "" {
		t.Errorf("log differs (-want +got):\n%s", diff)
	}
}

func TestWatchGetsPlatformLines(t *testing.T) {
	t.Parallel()
	e, _ := open(t, t.TempDir())
	createShell(t, e, 1, "echo hello")
	watch := e.WatchLogs()
	defer watch.Close()
	x := wait(t, e, runHello(t, e))
	spans, missed := watch.Take()
	if len(spans) != 1 || spans[0].Label != x.Name || missed != 0 {
		t.Fatalf("Take() = %v and %d missed, want one span of %s", spans, missed, x.Name)
	}
	var got []tasklog.Entry
	for entry, err := range e.ReadSpan(spans[0], tasklog.Query{}).All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, entry)
	}
	if diff := cmp.Diff(logged(t, e, x.Name, tasklog.Query{}), got); diff != "" {
		t.Errorf("the watch's lines differ from the log (-log +watch):\n%s", diff)
	}
}
