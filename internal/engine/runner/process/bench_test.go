//go:build linux || darwin

package process

import (
	"os/exec"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
)

// BenchmarkExecTrue measures the floor: the cost of running a program.
func BenchmarkExecTrue(b *testing.B) {
	for b.Loop() {
		if err := exec.Command("true").Run(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAttemptTrue(b *testing.B) {
	r, err := Open(Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := r.Close(); err != nil {
			b.Error(err)
		}
	})
	template := &runpb.TaskTemplate{Containers: []*runpb.Container{{Command: []string{"true"}}}}
	for id := (runner.ID{Execution: "bench"}); b.Loop(); id.Task++ {
		if err := r.Start(b.Context(), runner.Spec{ID: id, Template: template}, runner.Output{}); err != nil {
			b.Fatal(err)
		}
		if result, err := r.Wait(b.Context(), id); err != nil || result != (runner.Result{}) {
			b.Fatalf("Wait = %v, %v, want success", result, err)
		}
	}
}
