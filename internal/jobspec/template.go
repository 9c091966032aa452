package jobspec

import (
	"google.golang.org/protobuf/types/known/durationpb"

	"cloud.google.com/go/run/apiv2/runpb"
)

const (
	maxRetries = 10
	// maxTimeout of an attempt, in seconds.
	maxTimeout = 168 * 60 * 60
)

// TaskCount returns how many tasks an execution of the template runs.
func TaskCount(t *runpb.ExecutionTemplate) int {
	return max(1, int(t.GetTaskCount()))
}

// EffectiveParallelism returns how many tasks of an execution of the template may
// run at once; it is never more than there are.
func EffectiveParallelism(t *runpb.ExecutionTemplate) int {
	tasks := TaskCount(t)
	if limit := int(t.GetParallelism()); limit > 0 {
		return min(limit, tasks)
	}
	return tasks
}

// validateExecutionTemplate says nothing about a template that is nil: that is a
// required field. The same holds for the task template.
func validateExecutionTemplate(p Place, t *runpb.ExecutionTemplate) {
	if t == nil {
		return
	}
	validateLabels(p.Field("labels"), t.GetLabels())
	validateAnnotations(p.Field("annotations"), t.GetAnnotations())
	validateTaskCount(p.Field("task_count"), t.GetTaskCount())
	validateParallelism(p.Field("parallelism"), t)
	if t.GetTemplate() != nil {
		validateTaskTemplate(p.Field("template"), t.GetTemplate())
	}
}

// validateTaskCount takes 0 for unset.
func validateTaskCount(p Place, n int32) {
	if n < 0 || n > maxTasks {
		p.Addf("must be between 1 and %d, not %d", maxTasks, n)
	}
}

// validateParallelism takes 0 for as much as possible.
//
// See https://cloud.google.com/run/docs/configuring/parallelism.
func validateParallelism(p Place, t *runpb.ExecutionTemplate) {
	n := t.GetParallelism()
	if n < 0 {
		p.Addf("must not be negative, not %d", n)
	}
	if tasks := TaskCount(t); int(n) > tasks {
		p.Addf("must not exceed task_count, which is %d, not %d", tasks, n)
	}
}

func validateTaskTemplate(p Place, t *runpb.TaskTemplate) {
	validateRetries(p.Field("max_retries"), t.GetMaxRetries())
	validateTimeout(p.Field("timeout"), t.GetTimeout())
	// Jobs always run in the second generation.
	// See https://cloud.google.com/run/docs/about-execution-environments.
	if t.GetExecutionEnvironment() == runpb.ExecutionEnvironment_EXECUTION_ENVIRONMENT_GEN1 {
		p.Field("execution_environment").Addf("jobs run in EXECUTION_ENVIRONMENT_GEN2 alone, leave it out")
	}
	validateVolumes(p.Field("volumes"), t.GetVolumes())
	validateContainers(p.Field("containers"), t)
}

func validateRetries(p Place, n int32) {
	if n < 0 || n > maxRetries {
		p.Addf("must be between 0 and %d, not %d", maxRetries, n)
	}
}

// validateTimeout takes nil for unset.
func validateTimeout(p Place, d *durationpb.Duration) {
	switch {
	case d == nil:
	case d.GetNanos() != 0:
		p.Addf("must be whole seconds")
	case d.GetSeconds() < 1 || d.GetSeconds() > maxTimeout:
		p.Addf("must be between 1s and %ds (168 hours), not %ds", maxTimeout, d.GetSeconds())
	}
}
