package jobspec_test

import (
	"strings"
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
					{Name: "container-1", Image: "test-job", Resources: limits("1000m", "256Mi")},
					{Name: "container-2", Image: "other", Resources: limits("1000m", "1Gi")},
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

// TestDefaultMemory has the memory that Cloud Run gives containers without a limit: its
// recorded answers have less if a task has several.
func TestDefaultMemory(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{1: "512Mi", 2: "256Mi", 3: "256Mi"} {
		job := newJob()
		task := job.Template.Template
		for len(task.Containers) < n {
			task.Containers = append(task.Containers, &runpb.Container{Image: "other"})
		}
		jobspec.Defaults(job)
		for i, c := range task.Containers {
			if got := c.Resources.Limits["memory"]; got != want {
				t.Errorf("memory of container %d of %d = %s, want %s", i, n, got, want)
			}
		}
	}
}

func TestDefaultsOfProbes(t *testing.T) {
	t.Parallel()
	get := func(path string, port int32) *runpb.Probe_HttpGet {
		return &runpb.Probe_HttpGet{HttpGet: &runpb.HTTPGetAction{Path: path, Port: port}}
	}
	port := []*runpb.ContainerPort{{ContainerPort: 9000}}
	for name, c := range map[string]struct {
		ports       []*runpb.ContainerPort
		given, want *runpb.Probe
	}{
		"HTTP": {nil, &runpb.Probe{ProbeType: get("", 0)},
			&runpb.Probe{TimeoutSeconds: 1, PeriodSeconds: 10, FailureThreshold: 3, ProbeType: get("/", 8080)}},
		"port of the container": {port, &runpb.Probe{ProbeType: get("/up", 0)},
			&runpb.Probe{TimeoutSeconds: 1, PeriodSeconds: 10, FailureThreshold: 3, ProbeType: get("/up", 9000)}},
		"TCP": {port, &runpb.Probe{ProbeType: &runpb.Probe_TcpSocket{TcpSocket: &runpb.TCPSocketAction{}}},
			&runpb.Probe{TimeoutSeconds: 1, PeriodSeconds: 10, FailureThreshold: 3, ProbeType: &runpb.Probe_TcpSocket{TcpSocket: &runpb.TCPSocketAction{Port: 9000}}}},
		"gRPC": {[]*runpb.ContainerPort{{}}, &runpb.Probe{ProbeType: &runpb.Probe_Grpc{Grpc: &runpb.GRPCAction{Service: "s"}}},
			&runpb.Probe{TimeoutSeconds: 1, PeriodSeconds: 10, FailureThreshold: 3, ProbeType: &runpb.Probe_Grpc{Grpc: &runpb.GRPCAction{Port: 8080, Service: "s"}}}},
		"all set": {port, &runpb.Probe{InitialDelaySeconds: 1, TimeoutSeconds: 2, PeriodSeconds: 3, FailureThreshold: 4, ProbeType: get("/a", 5)},
			&runpb.Probe{InitialDelaySeconds: 1, TimeoutSeconds: 2, PeriodSeconds: 3, FailureThreshold: 4, ProbeType: get("/a", 5)}},
	} {
		job := newJob()
		of := job.Template.Template.Containers[0]
		of.Ports = c.ports
		of.StartupProbe, of.LivenessProbe, of.ReadinessProbe = proto.CloneOf(c.given), proto.CloneOf(c.given), proto.CloneOf(c.given)
		jobspec.Defaults(job)
		for kind, got := range map[string]*runpb.Probe{"startup": of.StartupProbe, "liveness": of.LivenessProbe, "readiness": of.ReadinessProbe} {
			if diff := cmp.Diff(c.want, got, protocmp.Transform()); diff != "" {
				t.Errorf("%s: %s probe (-want +got):\n%s", name, kind, diff)
			}
		}
	}
}

func TestDefaultAccount(t *testing.T) {
	t.Parallel()
	const account = "123456789012-compute@developer.gserviceaccount.com"
	for given, want := range map[string]string{"": account, "own@demo.iam.gserviceaccount.com": "own@demo.iam.gserviceaccount.com"} {
		job := newJob()
		job.Template.Template.ServiceAccount = given
		jobspec.DefaultAccount(job, account)
		if got := job.Template.Template.ServiceAccount; got != want || jobspec.IsDefaultAccount(got) != (given == "") {
			t.Errorf("account of a job with %q = %q, default %v; want %q", given, got, jobspec.IsDefaultAccount(got), want)
		}
	}
	jobspec.DefaultAccount(&runpb.Job{}, account) // must not panic
	for _, other := range []string{"", "-compute@developer.gserviceaccount.com", "a1-compute@developer.gserviceaccount.com"} {
		if jobspec.IsDefaultAccount(other) {
			t.Errorf("IsDefaultAccount(%q) = true, want false", other)
		}
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

func TestDefaultNamesOfTooManyContainers(t *testing.T) {
	t.Parallel()
	job := newJob()
	containers(make([]string, 11)...)(job)
	jobspec.Defaults(job)
	for i, c := range job.Template.Template.Containers {
		if c.Name != "" {
			t.Errorf("the name of container %d of 11 is %q, want none", i, c.Name)
		}
	}
}

func TestDefaultNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("j", 63)
	for _, tt := range []struct {
		job         string
		names, want []string
	}{
		{"job", []string{""}, []string{""}},
		{"job", []string{"a", "b"}, []string{"a", "b"}},
		{"job", []string{"", "redis"}, []string{"job-1", "redis"}},
		{"job", []string{"", "job-1", ""}, []string{"job-4", "job-1", "job-3"}},
		{long, []string{"a", ""}, []string{"a", long[:61] + "-2"}},
	} {
		job := newJob()
		job.Name = "projects/demo/locations/us-east4/jobs/" + tt.job
		containers(tt.names...)(job)
		jobspec.Defaults(job)
		var got []string
		for _, c := range job.Template.Template.Containers {
			got = append(got, c.Name)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("names of %q in %s (-want +got):\n%s", tt.names, tt.job, diff)
		}
		wantViolations(t, "ValidateJob after Defaults", jobspec.ValidateJob(job), "")
	}
}
