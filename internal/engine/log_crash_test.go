package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/enginetest"
	"github.com/runwith/runwith/internal/engine/runner/function"
	"github.com/runwith/runwith/internal/engine/tasklog"
)

// crash returns a copy of a data folder, made between the output of an attempt and its
// end: the state that kill -9 leaves. The operation is that of the attempt's execution.
func crash(t *testing.T) (dir, operation string) {
	t.Helper()
	printed, release := make(chan struct{}), make(chan struct{})
	e := enginetest.Open(t, enginetest.Config{Config: engine.Config{Runner: functions(func(out io.Writer) {
		fmt.Fprintln(out, "before the crash")
		close(printed)
		<-release
	})}})
	if _, err := e.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: "hello", Job: &runpb.Job{
		Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{Containers: []*runpb.Container{{Image: "f"}}}}}}); err != nil {
		t.Fatal(err)
	}
	operation = runHello(t, e.Engine)
	<-printed
	dir = t.TempDir()
	for _, name := range []string{"engine.db", "engine.db-wal"} {
		copyFile(t, filepath.Join(e.Dir, name), filepath.Join(dir, name))
	}
	if err := os.CopyFS(filepath.Join(dir, "logs"), os.DirFS(filepath.Join(e.Dir, "logs"))); err != nil {
		t.Fatal(err)
	}
	close(release)
	return dir, operation
}

// functions runs the image f as a function.
func functions(f func(out io.Writer)) *function.Runner {
	return function.New(function.Config{Images: map[string]function.Func{"f": func(_ context.Context, call *function.Call) error {
		f(call.Stdout)
		return nil
	}}})
}

// wantLogAfterCrash opens the folder of a crash and waits for the operation.
func wantLogAfterCrash(t *testing.T, dir, operation string, want ...string) {
	t.Helper()
	e := enginetest.Open(t, enginetest.Config{Config: engine.Config{Dir: dir, Runner: functions(func(out io.Writer) {
		fmt.Fprintln(out, "after the crash")
	})}})
	x := wait(t, e.Engine, operation)
	if diff := cmp.Diff(want, texts(logged(t, e.Engine, x.Name, tasklog.Query{}))); diff != "" {
		t.Errorf("log differs (-want +got):\n%s", diff)
	}
}

func TestPlatformLineAfterACrash(t *testing.T) {
	t.Parallel()
	dir, operation := crash(t)
	wantLogAfterCrash(t, dir, operation, "before the crash", interruptedLine, "after the crash", "I Container called exit(0).")
}

func TestPlatformLineAfterTheClockWasSetBack(t *testing.T) {
	t.Parallel()
	dir, operation := crash(t)
	logs, err := filepath.Glob(filepath.Join(dir, "logs", "*.log"))
	if err != nil || len(logs) != 1 {
		t.Fatalf("logs = %v, %v, want one", logs, err)
	}
	text, err := os.ReadFile(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(text, []byte(" "))
	future := strconv.FormatInt(time.Now().Add(time.Hour).UnixNano(), 10) + " " + string(rest)
	if err := os.WriteFile(logs[0], []byte(future), 0o600); err != nil {
		t.Fatal(err)
	}
	// The line about the interruption has the time of this clock.
	wantLogAfterCrash(t, dir, operation, interruptedLine, "before the crash", "after the crash", "I Container called exit(0).")
}
