package jobspec_test

import (
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// newJob returns the minimal valid job.
func newJob() *runpb.Job {
	return &runpb.Job{Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{
		Containers: []*runpb.Container{{Image: "test-job"}},
	}}}
}

// jobCase changes the minimal job and states the expected error.
type jobCase struct {
	name   string
	change func(*runpb.Job)
	want   string // the whole message; empty if the job is valid
}

// runJobCases runs ValidateJob on its cases, before and after Defaults.
func runJobCases(t *testing.T, tests []jobCase) {
	t.Helper()
	t.Parallel()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			job := newJob()
			tt.change(job)
			wantViolations(t, "ValidateJob", jobspec.ValidateJob(job), tt.want)
			jobspec.Defaults(job)
			wantViolations(t, "ValidateJob after Defaults", jobspec.ValidateJob(job), tt.want)
		})
	}
}

// wantViolations checks that err is an INVALID_ARGUMENT with the message want, or nil if
// want is empty.
func wantViolations(t *testing.T, call string, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Errorf("%s = %q, want nil", call, err)
		}
		return
	}
	wantInvalid(t, call, err, want)
	if err != nil && err.Error() != want {
		t.Errorf("%s = %q, want %q", call, err, want)
	}
}

// onTask and onContainer apply a change to a part of the job.
func onTask(change func(*runpb.TaskTemplate)) func(*runpb.Job) {
	return func(job *runpb.Job) { change(job.Template.Template) }
}

func onContainer(change func(*runpb.Container)) func(*runpb.Job) {
	return onTask(func(t *runpb.TaskTemplate) { change(t.Containers[0]) })
}

func TestValidateJob(t *testing.T) {
	token := func(name, token string) func(*runpb.Job) {
		return func(j *runpb.Job) {
			j.Name = "projects/demo/locations/us-east4/jobs/" + name
			j.CreateExecution = &runpb.Job_StartExecutionToken{StartExecutionToken: token}
		}
	}
	runJobCases(t, []jobCase{
		{"the least job", func(*runpb.Job) {}, ""},
		{"no template", func(j *runpb.Job) { j.Template = nil }, "template: required field not present"},
		{"no task template", func(j *runpb.Job) { j.Template.Template = nil }, "template.template: required field not present"},
		{"no container", onTask(func(t *runpb.TaskTemplate) { t.Containers = nil }), "template.template.containers: must have at least one container"},
		{"launch stage BETA", func(j *runpb.Job) { j.LaunchStage = api.LaunchStage_BETA }, ""},
		{"launch stage PRELAUNCH", func(j *runpb.Job) { j.LaunchStage = api.LaunchStage_PRELAUNCH }, "launch_stage: must be ALPHA, BETA or GA, not PRELAUNCH"},
		{"output-only fields do not matter", func(j *runpb.Job) {
			j.Conditions = []*runpb.Condition{{}}
			j.Template.Template.Containers[0].BuildInfo = &runpb.BuildInfo{}
		}, ""},

		{"token", token("job", "first"), ""},
		{"token and job of 62 characters", token(strings.Repeat("j", 31), strings.Repeat("t", 31)), ""},
		{
			"token and job of 63 characters", token(strings.Repeat("j", 31), strings.Repeat("t", 32)),
			"start_execution_token: the job's ID and the token must have fewer than 63 characters together",
		},
		{
			"token with a capital", token("job", "First"),
			"start_execution_token: must be at most 63 lower-case letters, digits and hyphens, and neither begin nor end with a hyphen",
		},
		{
			"run token", func(j *runpb.Job) { j.CreateExecution = &runpb.Job_RunExecutionToken{RunExecutionToken: "-"} },
			"run_execution_token: must be at most 63 lower-case letters, digits and hyphens, and neither begin nor end with a hyphen",
		},
		{"several faults", func(j *runpb.Job) {
			j.Template.TaskCount = -1
			j.Template.Template.Containers[0].Image = ""
		}, "template.template.containers[0].image: required field not present; template.task_count: must be between 1 and 10000, not -1"},
	})
}

func TestValidateJobNil(t *testing.T) {
	t.Parallel()
	wantViolations(t, "ValidateJob(nil)", jobspec.ValidateJob(nil), "job: required field not present")
}

func TestValidateTemplate(t *testing.T) {
	tasks := func(count, parallelism int32) func(*runpb.Job) {
		return func(j *runpb.Job) { j.Template.TaskCount, j.Template.Parallelism = count, parallelism }
	}
	retries := func(n int32) func(*runpb.Job) {
		return onTask(func(t *runpb.TaskTemplate) { t.Retries = &runpb.TaskTemplate_MaxRetries{MaxRetries: n} })
	}
	timeout := func(seconds int64, nanos int32) func(*runpb.Job) {
		return onTask(func(t *runpb.TaskTemplate) { t.Timeout = &durationpb.Duration{Seconds: seconds, Nanos: nanos} })
	}
	runJobCases(t, []jobCase{
		{"1 task", tasks(1, 0), ""},
		{"10,000 tasks", tasks(10_000, 10_000), ""},
		{"10,001 tasks", tasks(10_001, 0), "template.task_count: must be between 1 and 10000, not 10001"},
		{"negative tasks", tasks(-1, 0), "template.task_count: must be between 1 and 10000, not -1"},
		{"negative parallelism", tasks(1, -1), "template.parallelism: must not be negative, not -1"},
		{"parallelism as tasks", tasks(3, 3), ""},
		{"parallelism above tasks", tasks(3, 4), ""},
		{"parallelism above the default of tasks", tasks(0, 2), ""},

		{"no retries", retries(0), ""},
		{"10 retries", retries(10), ""},
		{"11 retries", retries(11), "template.template.max_retries: must be between 0 and 10, not 11"},
		{"negative retries", retries(-1), "template.template.max_retries: must be between 0 and 10, not -1"},

		{"timeout of 1 s", timeout(1, 0), ""},
		{"timeout of 168 h", timeout(604_800, 0), ""},
		{"timeout above 168 h", timeout(604_801, 0), "template.template.timeout: must be between 1s and 604800s (168 hours), not 604801s"},
		{"timeout of 0 s", timeout(0, 0), "template.template.timeout: must be between 1s and 604800s (168 hours), not 0s"},
		{"negative timeout", timeout(-5, 0), "template.template.timeout: must be between 1s and 604800s (168 hours), not -5s"},
		{"timeout of 1.5 s", timeout(1, 500_000_000), "template.template.timeout: must be whole seconds"},

		{"second generation", onTask(func(t *runpb.TaskTemplate) {
			t.ExecutionEnvironment = runpb.ExecutionEnvironment_EXECUTION_ENVIRONMENT_GEN2
		}), ""},
		{"first generation", onTask(func(t *runpb.TaskTemplate) {
			t.ExecutionEnvironment = runpb.ExecutionEnvironment_EXECUTION_ENVIRONMENT_GEN1
		}), "template.template.execution_environment: jobs only run in EXECUTION_ENVIRONMENT_GEN2, leave it out"},
		{"node selector without accelerator", onTask(func(t *runpb.TaskTemplate) {
			t.NodeSelector = &runpb.NodeSelector{}
		}), "template.template.node_selector.accelerator: required field not present"},
	})
}

func TestViolationsAreCapped(t *testing.T) {
	t.Parallel()
	job := newJob()
	for range 25 {
		job.Template.Template.Volumes = append(job.Template.Template.Volumes, &runpb.Volume{Name: "V"})
	}
	message := jobspec.ValidateJob(job).Error()
	// 25 volumes without a source, 25 bad names, 24 duplicate names.
	if got := strings.Count(message, "; ") + 1; got != 21 {
		t.Errorf("message has %d parts, want 20 violations and the number of further ones:\n%s", got, message)
	}
	if want := "; and 54 more"; !strings.HasSuffix(message, want) {
		t.Errorf("message = %q, want it to end in %q", message, want)
	}
}

func TestValidateJobChangesNothing(t *testing.T) {
	t.Parallel()
	job := newJob()
	before := proto.CloneOf(job)
	if err := jobspec.ValidateJob(job); err != nil || !proto.Equal(before, job) {
		t.Errorf("ValidateJob = %v and left %v, want nil and %v", err, job, before)
	}
}

func TestTaskCountAndEffectiveParallelism(t *testing.T) {
	t.Parallel()
	tests := []struct{ count, parallelism, wantCount, want int }{
		{0, 0, 1, 1},
		{1, 0, 1, 1},
		{10, 0, 10, 10},
		{10, 3, 10, 3},
		{3, 10, 3, 3},
		{0, 10, 1, 1},
	}
	for _, tt := range tests {
		template := &runpb.ExecutionTemplate{TaskCount: int32(tt.count), Parallelism: int32(tt.parallelism)}
		if got := jobspec.TaskCount(template); got != tt.wantCount {
			t.Errorf("TaskCount(%v) = %d, want %d", template, got, tt.wantCount)
		}
		if got := jobspec.EffectiveParallelism(template); got != tt.want {
			t.Errorf("EffectiveParallelism(%v) = %d, want %d", template, got, tt.want)
		}
	}
}

// FuzzValidateJob checks that no job makes the package panic, and that Defaults neither
// hides nor adds a violation.
func FuzzValidateJob(f *testing.F) {
	for _, job := range []*runpb.Job{{}, newJob(), fullJob()} {
		b, err := proto.Marshal(job)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		job := &runpb.Job{}
		if proto.Unmarshal(b, job) != nil {
			t.Skip()
		}
		jobspec.ClearOutputOnly(job)
		before := jobspec.ValidateJob(job)
		jobspec.Defaults(job)
		after := jobspec.ValidateJob(job)
		if (before == nil) != (after == nil) {
			t.Errorf("ValidateJob after Defaults = %v, want the same as before, %v", after, before)
		}
		if before == nil {
			if _, err := jobspec.ApplyOverrides(job.GetTemplate(), nil); err != nil {
				t.Errorf("ApplyOverrides of a valid template = %v, want nil", err)
			}
		}
	})
}
