package engine_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/tasklog"
)

// TestTimesAreWholeMicroseconds reads every time of every message and log line: those that
// this version makes, and those that an older version stored in nanoseconds.
func TestTimesAreWholeMicroseconds(t *testing.T) {
	t.Parallel()
	t.Run("new", func(t *testing.T) {
		t.Parallel()
		e, _ := open(t, t.TempDir())
		createShell(t, e, 2, `echo out; test "$CLOUD_RUN_TASK_INDEX" = 0`)
		wait(t, e, runHello(t, e))
		wantMicroseconds(t, e, parent+"/jobs/-")
		if _, err := e.DeleteJob(t.Context(), &runpb.DeleteJobRequest{Name: hello}); err != nil {
			t.Fatal(err)
		}
		wantMicroseconds(t, e, parent+"/jobs/-")
	})
	t.Run("of an old data folder", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "folder2"))); err != nil {
			t.Fatal(err)
		}
		e, _ := open(t, dir)
		wantMicroseconds(t, e, parent+"/jobs/-")
	})
}

// wantMicroseconds checks what the lists below a job, or all jobs, show, deleted or not.
func wantMicroseconds(t *testing.T, e *engine.Engine, job string) {
	t.Helper()
	jobs, err := e.Jobs(t.Context(), &runpb.ListJobsRequest{Parent: parent, ShowDeleted: true})
	executions, err1 := e.Executions(t.Context(), &runpb.ListExecutionsRequest{Parent: job, ShowDeleted: true})
	tasks, err2 := e.Tasks(t.Context(), &runpb.ListTasksRequest{Parent: job + "/executions/-", ShowDeleted: true})
	operations, err3 := e.Operations(t.Context(), &longrunningpb.ListOperationsRequest{Name: parent})
	if err := errors.Join(err, err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if len(jobs.Jobs)*len(executions.Executions)*len(tasks.Tasks)*len(operations.Operations) == 0 {
		t.Fatal("a list is empty, want all four to have times to check")
	}
	for _, list := range []proto.Message{jobs, executions, tasks, operations} {
		wantNoNanoseconds(t, list)
	}
	for _, x := range executions.Executions {
		if x.DeleteTime != nil {
			continue // its log is gone
		}
		for _, line := range logged(t, e, x.Name, tasklog.Query{}) {
			if line.Time.Nanosecond()%int(time.Microsecond) != 0 {
				t.Errorf("line %q of %s is of %v, want whole microseconds", line.Text, x.Name, line.Time)
			}
		}
	}
}

// wantNoNanoseconds checks every timestamp within a message.
func wantNoNanoseconds(t *testing.T, message proto.Message) {
	t.Helper()
	err := protorange.Range(message.ProtoReflect(), func(at protopath.Values) error {
		m, ok := at.Index(-1).Value.Interface().(interface{ Interface() proto.Message })
		if !ok {
			return nil
		}
		if ts, ok := m.Interface().(*timestamppb.Timestamp); ok && ts.Nanos%int32(time.Microsecond) != 0 {
			t.Errorf("%s = %v, want whole microseconds", at.Path, ts.AsTime())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
