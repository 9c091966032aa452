package invoker

import (
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/runwith/runwith"
)

// The differences between a run and its job: what is equal, and what runwith sets, is none.
func TestChanges(t *testing.T) {
	t.Parallel()
	template := &runpb.ExecutionTemplate{TaskCount: 1, Template: &runpb.TaskTemplate{
		Retries: &runpb.TaskTemplate_MaxRetries{MaxRetries: 3}, Timeout: durationpb.New(10 * time.Minute),
		Containers: []*runpb.Container{{Name: "main", Args: []string{"a"}, Env: []*runpb.EnvVar{
			variable("SAME", "1"), variable("OLD", "1"),
			{Name: "SECRET", Values: &runpb.EnvVar_ValueSource{ValueSource: &runpb.EnvVarSource{SecretKeyRef: &runpb.SecretKeySelector{Secret: "token", Version: "latest"}}}},
		}}, {Name: "side", Args: []string{"x"}}},
	}}
	overrides := &runpb.RunJobRequest_Overrides{TaskCount: 5, Timeout: durationpb.New(10 * time.Minute), ContainerOverrides: []*runpb.RunJobRequest_Overrides_ContainerOverride{
		{Name: "main", Args: []string{"b", "c"}, Env: []*runpb.EnvVar{
			variable("SAME", "1"), variable("OLD", "2"), variable("NEW", ""), variable("SECRET", "s"), variable(Marker, "id"), variable("TRACEPARENT", "00"),
		}},
		{Name: "side", ClearArgs: true},
	}}
	want := []runwith.Change{
		{Field: "taskCount", Job: []string{"1"}, Run: []string{"5"}},
		{Container: "main", Field: "args", Job: []string{"a"}, Run: []string{"b", "c"}},
		{Container: "main", Field: "env", Name: "OLD", Job: []string{"1"}, Run: []string{"2"}},
		{Container: "main", Field: "env", Name: "NEW", Run: []string{""}},
		{Container: "main", Field: "env", Name: "SECRET", Job: []string{"secret token:latest"}, Run: []string{"s"}},
		{Container: "side", Field: "args", Job: []string{"x"}},
	}
	if diff := cmp.Diff(want, changesOf(template, overrides)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}
