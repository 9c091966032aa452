package engine_test

import (
	"context"
	"errors"
	"io"
	"path"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/tasklog"
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
