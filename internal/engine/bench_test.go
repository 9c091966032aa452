package engine_test

import (
	"os/exec"
	"testing"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
)

// BenchmarkRunTrue is a run of `true` from RunJob to the end of its operation,
// without the wire, beside its floor.
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
			op, err := e.RunJob(b.Context(), &runpb.RunJobRequest{Name: hello})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := e.WaitOperation(b.Context(), &longrunningpb.WaitOperationRequest{Name: op.Name}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
