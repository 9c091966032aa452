package jobspec

import (
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

// validateTaskCount accepts 0 as unset.
func validateTaskCount(p Place, n int32) {
	if n < 0 || n > maxTasks {
		p.Addf("must be between 1 and %d, not %d", maxTasks, n)
	}
}

// validateParallelism accepts 0 as unlimited.
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
		p.Field("execution_environment").Addf("jobs only run in EXECUTION_ENVIRONMENT_GEN2, leave it out")
	}
	validateVolumes(p.Field("volumes"), t.GetVolumes())
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
