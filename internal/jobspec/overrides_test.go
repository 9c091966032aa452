package jobspec_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

type (
	overrides         = runpb.RunJobRequest_Overrides
	containerOverride = runpb.RunJobRequest_Overrides_ContainerOverride
)

// onWorker overrides the first container of fullJob.
func onWorker(o *containerOverride) *overrides {
	o.Name = "worker"
	return &overrides{ContainerOverrides: []*containerOverride{o}}
}

func TestApplyOverrides(t *testing.T) {
	t.Parallel()
	worker := func(change func(*runpb.Container)) func(*runpb.ExecutionTemplate) {
		return func(t *runpb.ExecutionTemplate) { change(t.Template.Containers[0]) }
	}
	tests := []struct {
		name      string
		overrides *overrides
		want      func(*runpb.ExecutionTemplate) // changes fullJob's template to the expected one
	}{
		{"nil", nil, func(*runpb.ExecutionTemplate) {}},
		{"empty", &overrides{}, func(*runpb.ExecutionTemplate) {}},
		{"a container and nothing else", onWorker(&containerOverride{}), func(*runpb.ExecutionTemplate) {}},
		{
			"arguments replace", onWorker(&containerOverride{Args: []string{"c"}}),
			worker(func(c *runpb.Container) { c.Args = []string{"c"} }),
		},
		{
			"an empty list keeps the arguments", onWorker(&containerOverride{Args: []string{}}),
			func(*runpb.ExecutionTemplate) {},
		},
		{
			"clear_args empties the arguments", onWorker(&containerOverride{ClearArgs: true}),
			worker(func(c *runpb.Container) { c.Args = nil }),
		},
		{
			"variables merge by name, each in its place", onWorker(&containerOverride{Env: []*runpb.EnvVar{
				envVar("NEW_1", "x"), envVar("A", "one"), envVar("NEW_2", "y"),
			}}),
			worker(func(c *runpb.Container) {
				c.Env = []*runpb.EnvVar{envVar("A", "one"), envVar("B", "2"), envVar("NEW_1", "x"), envVar("NEW_2", "y")}
			}),
		},
		{
			"an empty value is a value", onWorker(&containerOverride{Env: []*runpb.EnvVar{envVar("A", "")}}),
			worker(func(c *runpb.Container) { c.Env[0] = envVar("A", "") }),
		},
		{
			"a secret in place of a value", onWorker(&containerOverride{Env: []*runpb.EnvVar{secretVar("A", &runpb.SecretKeySelector{Secret: "s"})}}),
			worker(func(c *runpb.Container) { c.Env[0] = secretVar("A", &runpb.SecretKeySelector{Secret: "s"}) }),
		},
		{
			"the invoker's variable", onWorker(&containerOverride{Env: []*runpb.EnvVar{envVar("RUNWITH_INVOCATION", "i")}}),
			worker(func(c *runpb.Container) { c.Env = append(c.Env, envVar("RUNWITH_INVOCATION", "i")) }),
		},
		{"task_count", &overrides{TaskCount: 10_000}, func(t *runpb.ExecutionTemplate) { t.TaskCount = 10_000 }},
		{
			"timeout", &overrides{Timeout: &durationpb.Duration{Seconds: 10}},
			func(t *runpb.ExecutionTemplate) { t.Template.Timeout = &durationpb.Duration{Seconds: 10} },
		},
		{
			"several containers", &overrides{ContainerOverrides: []*containerOverride{
				{Name: "sidecar", Args: []string{"s"}},
				{Name: "worker", ClearArgs: true},
			}},
			func(t *runpb.ExecutionTemplate) {
				t.Template.Containers[1].Args = []string{"s"}
				t.Template.Containers[0].Args = nil
			},
		},
		{
			"one container twice", &overrides{ContainerOverrides: []*containerOverride{
				{Name: "worker", Args: []string{"1"}, Env: []*runpb.EnvVar{envVar("N", "1")}},
				{Name: "worker", Args: []string{"2"}, Env: []*runpb.EnvVar{envVar("N", "2")}},
			}},
			worker(func(c *runpb.Container) {
				c.Args = []string{"2"}
				c.Env = append(c.Env, envVar("N", "2"))
			}),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			template, want := fullJob().GetTemplate(), fullJob().GetTemplate()
			tt.want(want)
			got, err := jobspec.ApplyOverrides(template, tt.overrides)
			if err != nil {
				t.Fatalf("ApplyOverrides = %v", err)
			}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("ApplyOverrides (-want +got):\n%s", diff)
			}
			if !proto.Equal(template, fullJob().GetTemplate()) {
				t.Errorf("ApplyOverrides changed its template to %v, want it unchanged", template)
			}
		})
	}
}

func TestApplyOverridesToTheOnlyContainer(t *testing.T) {
	t.Parallel()
	template := newJob().GetTemplate() // its container has no name
	got, err := jobspec.ApplyOverrides(template, &overrides{ContainerOverrides: []*containerOverride{{Args: []string{"a"}}}})
	if err != nil || !cmp.Equal(got.GetTemplate().GetContainers()[0].GetArgs(), []string{"a"}) {
		t.Errorf("ApplyOverrides = %v, %v, want the arguments [a]", got, err)
	}
}

func TestApplyOverridesRefuses(t *testing.T) {
	t.Parallel()
	const v = "Violation in RunJobRequest.overrides."
	const c = v + "container_overrides[0]."
	sixth := make([]*runpb.EnvVar, 6)
	copy(sixth, manyVars(5))
	sixth[5] = envVar("LONG", strings.Repeat("v", 32769))
	tests := []struct {
		name      string
		overrides *overrides
		want      string
	}{
		{"a long value", onWorker(&containerOverride{Env: sixth}), c + "env[5].value: length cannot exceed 32768."},
		{"an unknown container", &overrides{ContainerOverrides: []*containerOverride{{Name: "other"}}}, c + `name: the job has no container named "other".`},
		{"no name, two containers", &overrides{ContainerOverrides: []*containerOverride{{}}}, c + "name: is required, the job has 2 containers."},
		{"a reserved variable", onWorker(&containerOverride{Env: []*runpb.EnvVar{envVar("PORT", "1")}}), c + `env[0].name: "PORT" is reserved, Cloud Run sets it.`},
		{"a variable without a name", onWorker(&containerOverride{Env: []*runpb.EnvVar{{}}}), c + "env[0].name: required field not present."},
		{"1,001 variables", onWorker(&containerOverride{Env: manyVars(1001)}), c + "env: at most 1000 variables are allowed, not 1001."},
		{"1,001 variables with the job's", onWorker(&containerOverride{Env: manyVars(999)}), c + "env: makes 1001 variables together with the job's, at most 1000 are allowed."},
		{"1,001 arguments", onWorker(&containerOverride{Args: make([]string, 1001)}), c + "args: at most 1000 arguments are allowed, not 1001."},
		{
			"11 overrides of containers", &overrides{TaskCount: -1, ContainerOverrides: make([]*containerOverride, 11)},
			v + "container_overrides: has 11 elements, at most 10 are allowed: one for each container.",
		},
		{"negative tasks", &overrides{TaskCount: -1}, v + "task_count: must be between 1 and 10000, not -1."},
		{"10,001 tasks", &overrides{TaskCount: 10_001}, v + "task_count: must be between 1 and 10000, not 10001."},
		{
			"clear_args beside arguments", onWorker(&containerOverride{ClearArgs: true, Args: []string{"c"}}),
			c + "args: must be empty together with clear_args.",
		},
		{"a timeout of 0 s", &overrides{Timeout: &durationpb.Duration{}}, v + "timeout: must be between 1s and 604800s (168 hours), not 0s."},
		{
			"several faults", &overrides{TaskCount: -1, ContainerOverrides: []*containerOverride{{Name: "other"}}},
			v + "task_count: must be between 1 and 10000, not -1; " + c + `name: the job has no container named "other".`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := jobspec.ApplyOverrides(fullJob().GetTemplate(), tt.overrides)
			wantViolations(t, "ApplyOverrides", err, tt.want)
			if got != nil {
				t.Errorf("ApplyOverrides = %v with an error, want nil", got)
			}
		})
	}
}

// TestApplyOverridesDoesNotValidateTheTemplate checks that ApplyOverrides accepts an
// invalid template, because ValidateJob refuses it earlier.
func TestApplyOverridesDoesNotValidateTheTemplate(t *testing.T) {
	t.Parallel()
	faulty := fullJob().GetTemplate()
	faulty.Template.Retries = &runpb.TaskTemplate_MaxRetries{MaxRetries: 11}
	for _, template := range []*runpb.ExecutionTemplate{faulty, nil, {}} {
		if _, err := jobspec.ApplyOverrides(template, &overrides{TaskCount: 2, Timeout: &durationpb.Duration{Seconds: 1}}); err != nil {
			t.Errorf("ApplyOverrides(%v) = %v, want no error", template, err)
		}
	}
}

// FuzzApplyOverrides checks that ApplyOverrides changes neither argument, shares nothing
// with the result, and keeps a valid template valid.
func FuzzApplyOverrides(f *testing.F) {
	seed := func(t *runpb.ExecutionTemplate, o *overrides) {
		template, err := proto.Marshal(t)
		if err != nil {
			f.Fatal(err)
		}
		override, err := proto.Marshal(o)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(template, override)
	}
	seed(fullJob().GetTemplate(), onWorker(&containerOverride{
		Args: []string{"c"},
		Env:  []*runpb.EnvVar{envVar("A", "x"), secretVar("S", &runpb.SecretKeySelector{Secret: "s"})},
	}))
	seed(newJob().GetTemplate(), &overrides{TaskCount: 3, Timeout: &durationpb.Duration{Seconds: 9}, ContainerOverrides: []*containerOverride{{ClearArgs: true}}})
	seed(nil, nil)
	f.Fuzz(func(t *testing.T, templateBytes, overrideBytes []byte) {
		template, o := &runpb.ExecutionTemplate{}, &overrides{}
		if proto.Unmarshal(templateBytes, template) != nil || proto.Unmarshal(overrideBytes, o) != nil {
			t.Skip()
		}
		templateBefore, overridesBefore := proto.CloneOf(template), proto.CloneOf(o)
		got, err := jobspec.ApplyOverrides(template, o)
		if err == nil && jobspec.ValidateJob(&runpb.Job{Template: template}) == nil {
			if err := jobspec.ValidateJob(&runpb.Job{Template: got}); err != nil {
				t.Errorf("ApplyOverrides of a valid template returns an invalid one: %v", err)
			}
			scribble(got)
		}
		if !proto.Equal(template, templateBefore) {
			t.Errorf("ApplyOverrides changed the template to %v, want %v", template, templateBefore)
		}
		if !proto.Equal(o, overridesBefore) {
			t.Errorf("ApplyOverrides changed the overrides to %v, want %v", o, overridesBefore)
		}
	})
}

// scribble changes in place every part of a template that could be shared.
func scribble(t *runpb.ExecutionTemplate) {
	t.TaskCount = -7
	if t.Labels != nil {
		t.Labels["scribble"] = "x"
	}
	if t.Template.Timeout != nil {
		t.Template.Timeout.Seconds = -7
	}
	for _, v := range t.Template.Volumes {
		v.Name = "scribble"
	}
	for _, c := range t.Template.Containers {
		c.Image = "scribble"
		for i := range c.Args {
			c.Args[i] = "scribble"
		}
		for _, v := range c.Env {
			v.Name = "scribble"
			if source := v.GetValueSource(); source != nil {
				source.SecretKeyRef.Secret = "scribble"
			}
		}
		if limits := c.GetResources().GetLimits(); limits != nil {
			limits["scribble"] = "x"
		}
	}
}
