package kubernetes

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// task returns a template of one container.
func task(c *runpb.Container) *runpb.TaskTemplate {
	c.Image = "localhost/box:1"
	return &runpb.TaskTemplate{Containers: []*runpb.Container{c}, Timeout: durationpb.New(time.Minute)}
}

func testID() runner.ID {
	return runner.ID{Execution: "projects/p/locations/l/jobs/j/executions/j-x7", Task: 3, Attempt: 1}
}

// podOf returns the Pod of a template.
func podOf(t *testing.T, c *Config, template *runpb.TaskTemplate) *kube.Pod {
	t.Helper()
	pod, err := c.newPod("engine", runner.Spec{ID: testID(), Template: template})
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

func TestPodIsGatedAndMarked(t *testing.T) {
	t.Parallel()
	pod := podOf(t, &Config{}, task(&runpb.Container{}))
	if got := pod.Spec.SchedulingGates; len(got) != 1 || got[0].Name != claimedGate {
		t.Errorf("gates = %v, want %s alone", got, claimedGate)
	}
	if got := pod.Metadata.Finalizers; len(got) != 1 || got[0] != finalizer {
		t.Errorf("finalizers = %v, want %s alone", got, finalizer)
	}
	if got := pod.Metadata.Annotations[idAnnotation]; got != testID().String() {
		t.Errorf("annotation %s = %q, want %q", idAnnotation, got, testID())
	}
}
