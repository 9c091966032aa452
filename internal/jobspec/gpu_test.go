package jobspec_test

import (
	"testing"

	"google.golang.org/genproto/googleapis/api"
	"google.golang.org/protobuf/types/known/durationpb"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// gpuJob returns a change of the minimal job to one with a GPU and the given limits.
func gpuJob(accelerator string, limits ...string) func(*runpb.Job) {
	return onTask(func(t *runpb.TaskTemplate) {
		t.GpuZonalRedundancyDisabled = new(true)
		if accelerator != "" {
			t.NodeSelector = &runpb.NodeSelector{Accelerator: accelerator}
		}
		t.Containers[0].Resources = &runpb.ResourceRequirements{Limits: map[string]string{}}
		for i := 0; i < len(limits); i += 2 {
			t.Containers[0].Resources.Limits[limits[i]] = limits[i+1]
		}
	})
}

// all applies changes in order.
func all(changes ...func(*runpb.Job)) func(*runpb.Job) {
	return func(job *runpb.Job) {
		for _, change := range changes {
			change(job)
		}
	}
}

func TestValidateGPU(t *testing.T) {
	const (
		task   = "template.template."
		limits = container0 + "resources.limits"
		key    = "nvidia.com/gpu"
	)
	timeout := func(seconds int64) func(*runpb.Job) {
		return onTask(func(t *runpb.TaskTemplate) { t.Timeout = &durationpb.Duration{Seconds: seconds} })
	}
	stage := func(stage api.LaunchStage) func(*runpb.Job) { return func(j *runpb.Job) { j.LaunchStage = stage } }
	zonal := func(disabled *bool) func(*runpb.Job) {
		return onTask(func(t *runpb.TaskTemplate) { t.GpuZonalRedundancyDisabled = disabled })
	}
	beside := onTask(func(t *runpb.TaskTemplate) {
		t.Containers[0].Name = "a"
		t.Containers = append(t.Containers, &runpb.Container{Name: "b", Image: "i", Resources: &runpb.ResourceRequirements{
			Limits: map[string]string{"cpu": "500m"},
		}})
	})
	const l4 = "nvidia-l4"
	const zonalMissing = task + "gpu_zonal_redundancy_disabled: must be true, because jobs have GPUs only without zonal redundancy"
	runJobCases(t, []jobCase{
		{"one of the least size", gpuJob(l4, "cpu", "4", "memory", "16Gi", key, "1"), ""},
		{"without limits", gpuJob(l4), ""},
		{"without an accelerator", gpuJob("", key, "1"), ""},
		{"of another kind", gpuJob("nvidia-rtx-pro-6000", "cpu", "20", "memory", "80Gi", key, "1"), ""},
		{"of another kind without limits", gpuJob("nvidia-rtx-pro-6000"), ""},
		{"newer than this code", gpuJob("nvidia-next", "cpu", "1", "memory", "512Mi", key, "1"), ""},
		{"two", gpuJob(l4, key, "2"), limits + `["nvidia.com/gpu"]: must be 1, not "2"`},
		{"none", gpuJob(l4, key, "0"), limits + `["nvidia.com/gpu"]: must be 1, not "0"`},
		{"half", gpuJob(l4, key, "0.5"), limits + `["nvidia.com/gpu"]: must be 1, not "0.5"`},
		{"with too little CPU", gpuJob(l4, "cpu", "2", key, "1"), limits + `["cpu"]: must be at least 4 for this GPU, not "2"`},
		{"with too little memory", gpuJob(l4, "memory", "8Gi", key, "1"), limits + `["memory"]: must be at least 16Gi for this GPU`},
		{
			"of another kind, too small", gpuJob("nvidia-rtx-pro-6000", "cpu", "8", "memory", "32Gi", key, "1"),
			limits + `["cpu"]: must be at least 20 for this GPU, not "8"; ` + limits + `["memory"]: must be at least 80Gi for this GPU`,
		},
		{"of the default kind, too small", gpuJob("", "cpu", "1", key, "1"), limits + `["cpu"]: must be at least 4 for this GPU, not "1"`},
		{"beside another container", all(gpuJob(l4, key, "1"), beside), ""},

		{"without the zonal setting", all(gpuJob(l4, key, "1"), zonal(nil)), zonalMissing},
		{"with zonal redundancy", all(gpuJob(l4), zonal(new(false))), zonalMissing},
		{"the zonal setting alone", zonal(new(true)), task + "gpu_zonal_redundancy_disabled: needs a GPU, leave it out"},
		{"zonal redundancy without a GPU", zonal(new(false)), ""},

		{"for an hour", all(gpuJob(l4), timeout(3600)), ""},
		{
			"for more than an hour", all(gpuJob(l4), timeout(3601)),
			task + "timeout: must be at most 3600s (1 hour) with a GPU, not 3601s; launch_stage BETA allows 43200s",
		},
		{"for 12 hours, in preview", all(gpuJob(l4), timeout(43_200), stage(api.LaunchStage_BETA)), ""},
		{
			"for more than 12 hours, in preview", all(gpuJob(l4), timeout(43_201), stage(api.LaunchStage_ALPHA)),
			task + "timeout: must be at most 43200s (12 hours) with a GPU, not 43201s",
		},
		{
			"for more than 168 hours", all(gpuJob(l4), timeout(604_801)),
			task + "timeout: must be between 1s and 604800s (168 hours), not 604801s",
		},
		{"a long startup probe", all(gpuJob(l4), onContainer(func(c *runpb.Container) {
			c.StartupProbe = probing(&runpb.Probe{PeriodSeconds: 180, FailureThreshold: 10})
		})), ""},
	})
}

func TestOverrideOfTimeoutWithGPU(t *testing.T) {
	t.Parallel()
	job := newJob()
	gpuJob("nvidia-l4")(job)
	for seconds, want := range map[int64]string{
		43_200: "",
		43_201: "Violation in RunJobRequest.overrides.timeout: must be at most 43200s (12 hours) with a GPU, not 43201s.",
	} {
		_, err := jobspec.ApplyOverrides(job.Template, &overrides{Timeout: &durationpb.Duration{Seconds: seconds}})
		wantViolations(t, "ApplyOverrides", err, want)
	}
}

func TestDefaultsOfGPU(t *testing.T) {
	t.Parallel()
	for accelerator, want := range map[string][2]string{
		"nvidia-l4":           {"4000m", "16Gi"},
		"nvidia-rtx-pro-6000": {"20000m", "80Gi"},
		"nvidia-next":         {"4000m", "16Gi"},
	} {
		job := newJob()
		gpuJob(accelerator)(job)
		jobspec.Defaults(job)
		limits := job.Template.Template.Containers[0].Resources.Limits
		if got := [2]string{limits["cpu"], limits["memory"]}; got != want {
			t.Errorf("Defaults with %s: cpu and memory = %v, want %v", accelerator, got, want)
		}
	}
}
