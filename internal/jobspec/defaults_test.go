package jobspec_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/api"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// fullJob returns a job in which every field with a default is set.
func fullJob() *runpb.Job {
	return &runpb.Job{
		Labels:      map[string]string{"team": "blue"},
		LaunchStage: api.LaunchStage_BETA,
		Template: &runpb.ExecutionTemplate{
			TaskCount:   4,
			Parallelism: 2,
			Template: &runpb.TaskTemplate{
				Containers: []*runpb.Container{{
					Name:      "worker",
					Image:     "test-job",
					Command:   []string{"run"},
					Args:      []string{"a", "b"},
					Env:       []*runpb.EnvVar{envVar("A", "1"), envVar("B", "2")},
					Resources: &runpb.ResourceRequirements{Limits: map[string]string{"cpu": "2", "memory": "1Gi"}},
				}, {
					Name:      "sidecar",
					Image:     "other",
					Resources: &runpb.ResourceRequirements{Limits: map[string]string{"cpu": "500m", "memory": "1Gi"}},
				}},
				Retries:              &runpb.TaskTemplate_MaxRetries{MaxRetries: 0},
				Timeout:              durationpb.New(60e9),
				ExecutionEnvironment: runpb.ExecutionEnvironment_EXECUTION_ENVIRONMENT_GEN2,
				VpcAccess:            &runpb.VpcAccess{Egress: runpb.VpcAccess_ALL_TRAFFIC},
			},
		},
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	limits := func(cpu, memory string) *runpb.ResourceRequirements {
		return &runpb.ResourceRequirements{Limits: map[string]string{"cpu": cpu, "memory": memory}}
	}
	got := newJob()
	got.Template.Template.VpcAccess = &runpb.VpcAccess{}
	got.Template.Template.Containers = append(got.Template.Template.Containers, &runpb.Container{
		Image:     "other",
		Resources: &runpb.ResourceRequirements{Limits: map[string]string{"memory": "1Gi"}},
	})
	jobspec.Defaults(got)
	want := &runpb.Job{
		LaunchStage: api.LaunchStage_GA,
		Template: &runpb.ExecutionTemplate{
			TaskCount: 1,
			Template: &runpb.TaskTemplate{
				Containers: []*runpb.Container{
					{Image: "test-job", Resources: limits("1000m", "512Mi")},
					{Image: "other", Resources: limits("1000m", "1Gi")},
				},
				Retries:              &runpb.TaskTemplate_MaxRetries{MaxRetries: 3},
				Timeout:              &durationpb.Duration{Seconds: 600},
				ExecutionEnvironment: runpb.ExecutionEnvironment_EXECUTION_ENVIRONMENT_GEN2,
				VpcAccess:            &runpb.VpcAccess{Egress: runpb.VpcAccess_PRIVATE_RANGES_ONLY},
			},
		},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("Defaults (-want +got):\n%s", diff)
	}
}

// TestDefaultsKeepSetFields checks that Defaults keeps set fields, also 0 retries.
func TestDefaultsKeepSetFields(t *testing.T) {
	t.Parallel()
	got := fullJob()
	jobspec.Defaults(got)
	if diff := cmp.Diff(fullJob(), got, protocmp.Transform()); diff != "" {
		t.Errorf("Defaults (-want +got):\n%s", diff)
	}
	if err := jobspec.ValidateJob(got); err != nil {
		t.Errorf("ValidateJob = %v, want nil", err)
	}
}

func TestDefaultsOfIncompleteJobs(t *testing.T) {
	t.Parallel()
	for _, job := range []*runpb.Job{
		nil,
		{},
		{Template: &runpb.ExecutionTemplate{}},
		{Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{Containers: []*runpb.Container{nil}}}},
	} {
		jobspec.ClearOutputOnly(job)
		jobspec.Defaults(job) // must not panic
		wantInvalid(t, "ValidateJob", jobspec.ValidateJob(job), "required field not present")
	}
}

func TestClearOutputOnly(t *testing.T) {
	t.Parallel()
	want := fullJob()
	want.Name, want.Etag, want.Client = "name", "etag", "client"
	got := proto.CloneOf(want)
	got.Uid, got.Generation, got.ObservedGeneration = "uid", 7, 7
	got.CreateTime = &timestamppb.Timestamp{Seconds: 1}
	got.Creator, got.LastModifier = "a", "b"
	got.TerminalCondition = &runpb.Condition{Type: "Ready"}
	got.Conditions = []*runpb.Condition{{Type: "Ready"}}
	got.ExecutionCount = 3
	got.LatestCreatedExecution = &runpb.ExecutionReference{Name: "e"}
	got.Reconciling, got.SatisfiesPzs = true, true
	got.Template.Template.Containers[1].BuildInfo = &runpb.BuildInfo{SourceLocation: "s"}
	jobspec.ClearOutputOnly(got)
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("ClearOutputOnly (-want +got):\n%s", diff)
	}
}
