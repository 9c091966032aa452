package jobspec

import (
	"google.golang.org/genproto/googleapis/api"

	"cloud.google.com/go/run/apiv2/runpb"
)

// maxExecutionName is one more than the maximum length of a job's ID and its execution
// token together.
const maxExecutionName = 63

// ValidateJob reports all violations in a job from a caller. Unset fields count as
// their defaults, so the result is the same before and after [Defaults]. ValidateJob
// does not check the name, except for its length if the job starts an execution.
//
// Deviation: ValidateJob checks the form of names, but not whether Google has such images,
// accounts, keys, networks, secrets and buckets.
func ValidateJob(job *runpb.Job) error {
	f := &Violations{}
	if job == nil {
		f.Root().Field("job").Addf(required)
		return f.Err()
	}
	p := f.Root()
	validateKnown(p, job.ProtoReflect())
	validateRequired(p, job.ProtoReflect())
	validateLabels(p.Field("labels"), job.GetLabels())
	validateAnnotations(p.Field("annotations"), job.GetAnnotations())
	validateLaunchStage(p.Field("launch_stage"), job.GetLaunchStage())
	validateExecutionToken(p, job)
	validateExecutionTemplate(p.Field("template"), job.GetTemplate(), job.GetLaunchStage())
	return f.Err()
}

func validateLaunchStage(p Place, stage api.LaunchStage) {
	switch stage {
	case api.LaunchStage_LAUNCH_STAGE_UNSPECIFIED, api.LaunchStage_ALPHA, api.LaunchStage_BETA, api.LaunchStage_GA:
	default:
		p.Addf("must be ALPHA, BETA or GA, not %s", stage)
	}
}

// validateExecutionToken checks the token that names the execution started with the
// job.
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
