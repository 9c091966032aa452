package jobspec

import (
	"google.golang.org/genproto/googleapis/api"

	"cloud.google.com/go/run/apiv2/runpb"
)

// maxExecutionName is what the job's ID and the token of the execution that
// starts with it must stay under together.
const maxExecutionName = 63

// ValidateJob reports all that is wrong with a job that a caller sent. Unset
// fields count as their defaults, so the verdict is the same before and after
// [Defaults]. The name is not looked at, except for its length where the job
// starts an execution.
//
// Deviation: not checked are what Google alone can know (images, accounts, keys,
// networks), the number of containers, two mounts at one path, and numbers that an
// enum does not know.
func ValidateJob(job *runpb.Job) error {
	f := &Violations{}
	if job == nil {
		f.Root().Field("job").Addf(required)
		return f.Err()
	}
	p := f.Root()
	validateRequired(p, job.ProtoReflect())
	validateLabels(p.Field("labels"), job.GetLabels())
	validateAnnotations(p.Field("annotations"), job.GetAnnotations())
	validateLaunchStage(p.Field("launch_stage"), job.GetLaunchStage())
	validateExecutionToken(p, job)
	validateExecutionTemplate(p.Field("template"), job.GetTemplate())
	return f.Err()
}

func validateLaunchStage(p Place, stage api.LaunchStage) {
	switch stage {
	case api.LaunchStage_LAUNCH_STAGE_UNSPECIFIED, api.LaunchStage_ALPHA, api.LaunchStage_BETA, api.LaunchStage_GA:
	default:
		p.Addf("must be ALPHA, BETA or GA, not %s", stage)
	}
}

// validateExecutionToken checks the token that names the execution which begins
// with the job.
func validateExecutionToken(p Place, job *runpb.Job) {
	token := job.GetStartExecutionToken()
	at := p.Field("start_execution_token")
	if token == "" {
		token = job.GetRunExecutionToken()
		at = p.Field("run_execution_token")
	}
	if token == "" {
		return
	}
	if !isLabel(token, maxLabel) {
		at.Addf("must be at most %d lower-case letters, digits and hyphens, and neither begin nor end with a hyphen", maxLabel)
	}
	if name, err := ParseJob(job.GetName()); err == nil && len(name.Job)+len(token) >= maxExecutionName {
		at.Addf("the job's ID and the token must have fewer than %d characters together", maxExecutionName)
	}
}
