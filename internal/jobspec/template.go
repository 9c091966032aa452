package jobspec

import (
	"google.golang.org/genproto/googleapis/api"
	"google.golang.org/protobuf/types/known/durationpb"

	"cloud.google.com/go/run/apiv2/runpb"
)

const (
	maxRetries = 10
	// maxTimeout is the maximum timeout of an attempt, in seconds.
	maxTimeout = 168 * 60 * 60
)

// TaskCount returns the number of tasks in an execution of the template.
func TaskCount(t *runpb.ExecutionTemplate) int {
	return max(1, int(t.GetTaskCount()))
}

// EffectiveParallelism returns the maximum number of concurrent tasks in an execution of
// the template. It is at most the number of tasks.
func EffectiveParallelism(t *runpb.ExecutionTemplate) int {
	tasks := TaskCount(t)
	if limit := int(t.GetParallelism()); limit > 0 {
		return min(limit, tasks)
	}
	return tasks
}

// validateExecutionTemplate accepts a nil template and a nil task template, because
// validateRequired reports them.
func validateExecutionTemplate(p Place, t *runpb.ExecutionTemplate, stage api.LaunchStage) {
	if t == nil {
		return
	}
	validateLabels(p.Field("labels"), t.GetLabels())
	validateAnnotations(p.Field("annotations"), t.GetAnnotations())
	validateTaskCount(p.Field("task_count"), t.GetTaskCount())
	validateParallelism(p.Field("parallelism"), t.GetParallelism())
	if t.GetTemplate() != nil {
		validateTaskTemplate(p.Field("template"), t.GetTemplate(), stage)
	}
}

// validateTaskCount accepts 0 as unset.
func validateTaskCount(p Place, n int32) {
	if n < 0 || n > MaxTasks {
		p.Addf("must be between 1 and %d, not %d", MaxTasks, n)
	}
}

// validateParallelism accepts 0 as unlimited, and more than the number of tasks.
//
// See https://cloud.google.com/run/docs/configuring/parallelism.
func validateParallelism(p Place, n int32) {
	if n < 0 {
		p.Addf("must not be negative, not %d", n)
	}
}

func validateTaskTemplate(p Place, t *runpb.TaskTemplate, stage api.LaunchStage) {
	validateRetries(p.Field("max_retries"), t.GetMaxRetries())
	validateTimeout(p.Field("timeout"), t.GetTimeout())
	if usesGPU(t) {
		validateGPUTimeout(p.Field("timeout"), t.GetTimeout(), stage)
	}
	validateZonalRedundancy(p.Field("gpu_zonal_redundancy_disabled"), t)
	validateAccount(p.Field("service_account"), t.GetServiceAccount())
	validateForm(p.Field("encryption_key"), t.GetEncryptionKey(), keyForm)
	validateVPC(p.Field("vpc_access"), t.GetVpcAccess())
	// Jobs always run in the second generation.
	// See https://cloud.google.com/run/docs/about-execution-environments.
	if t.GetExecutionEnvironment() == runpb.ExecutionEnvironment_EXECUTION_ENVIRONMENT_GEN1 {
		p.Field("execution_environment").Addf("jobs only run in EXECUTION_ENVIRONMENT_GEN2, leave it out")
	}
	validateVolumes(p.Field("volumes"), t.GetVolumes())
	validateSandboxes(p.Field("sandboxes"), t)
	validateContainers(p.Field("containers"), t)
}

func validateRetries(p Place, n int32) {
	if n < 0 || n > maxRetries {
		p.Addf("must be between 0 and %d, not %d", maxRetries, n)
	}
}

// validateTimeout accepts nil as unset.
func validateTimeout(p Place, d *durationpb.Duration) {
	switch {
	case d == nil:
	case d.GetNanos() != 0:
		p.Addf("must be whole seconds")
	case d.GetSeconds() < 1 || d.GetSeconds() > maxTimeout:
		p.Addf("must be between 1s and %ds (168 hours), not %ds", maxTimeout, d.GetSeconds())
	}
}

// validateGPUTimeout checks the shorter limit of a task with a GPU.
func validateGPUTimeout(p Place, d *durationpb.Duration, stage api.LaunchStage) {
	preview := stage == api.LaunchStage_ALPHA || stage == api.LaunchStage_BETA
	switch seconds := d.GetSeconds(); {
	case seconds > maxTimeout: // validateTimeout reports it
	case seconds > maxGPUPreviewTimeout:
		p.Addf("must be at most %ds (12 hours) with a GPU, not %ds", maxGPUPreviewTimeout, seconds)
	case seconds > maxGPUTimeout && !preview:
		p.Addf("must be at most %ds (1 hour) with a GPU, not %ds; launch_stage BETA allows %ds", maxGPUTimeout, seconds, maxGPUPreviewTimeout)
	}
}
