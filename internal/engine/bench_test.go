package engine_test

import (
	"os/exec"
	"testing"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine"
)

// BenchmarkRunTrue measures a run of `true` from RunJob to the end of its operation, without
// the wire, and its floor.
func BenchmarkRunTrue(b *testing.B) {
	b.Run("floor", func(b *testing.B) {
		for b.Loop() {
			if err := exec.Command("true").Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("engine", func(b *testing.B) {
		e, _ := open(b, b.TempDir())
		createShell(b, e, 1, "")
		_, err := e.UpdateJob(b.Context(), &runpb.UpdateJobRequest{Job: &runpb.Job{Name: hello,
			Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{
				Containers: []*runpb.Container{{Image: "true", Command: []string{"true"}}}}}}})
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			runToEnd(b, e, hello)
		}
	})
}

// BenchmarkGetJob measures reading a job with an execution, without the wire.
func BenchmarkGetJob(b *testing.B) {
	e, _ := open(b, b.TempDir())
	createShell(b, e, 1, "true")
	runToEnd(b, e, hello)
	for b.Loop() {
		if _, err := e.Job(b.Context(), &runpb.GetJobRequest{Name: hello}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTasks measures an execution of 1,000 tasks of `true`, 8 at once, without the wire.
func BenchmarkTasks(b *testing.B) {
	e, _ := open(b, b.TempDir())
	_, err := e.CreateJob(b.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: "wide", Job: &runpb.Job{
		Template: &runpb.ExecutionTemplate{TaskCount: 1000, Parallelism: 8, Template: &runpb.TaskTemplate{
			Containers: []*runpb.Container{{Image: "true", Command: []string{"true"}}}}}}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		runToEnd(b, e, parent+"/jobs/wide")
	}
}

func runToEnd(b testing.TB, e *engine.Engine, job string) {
	b.Helper()
	op, err := e.RunJob(b.Context(), &runpb.RunJobRequest{Name: job})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := e.WaitOperation(b.Context(), &longrunningpb.WaitOperationRequest{Name: op.Name}); err != nil {
		b.Fatal(err)
	}
}
