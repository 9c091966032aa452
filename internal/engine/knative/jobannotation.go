package knative

import (
	"strconv"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/genproto/googleapis/api"

	"github.com/runwith/runwith/internal/jobspec"
)

const launchAnnotation = group + "launch-stage"

// jobAnnotations are a job's annotations with v2 fields.
var jobAnnotations = annotations[*runpb.Job]{
	text("client-name", func(j *runpb.Job) *string { return &j.Client }),
	text("client-version", func(j *runpb.Job) *string { return &j.ClientVersion }),
	{launchAnnotation, func(j *runpb.Job) string { return launchStageText(j.GetLaunchStage()) }, readLaunchStage},
	{group + "binary-authorization", binaryAuthorization, readBinaryAuthorization},
	{group + "binary-authorization-breakglass", breakglass, readBreakglass},
}

// launchStageText returns "" for GA, the default.
func launchStageText(stage api.LaunchStage) string {
	if stage == api.LaunchStage_GA || stage == api.LaunchStage_LAUNCH_STAGE_UNSPECIFIED {
		return ""
	}
	return enumName(stage)
}

func readLaunchStage(p jobspec.Place, value string, job *runpb.Job) {
	job.LaunchStage = launchStage(p, value)
}

func launchStage(p jobspec.Place, value string) api.LaunchStage {
	if value == "" {
		return api.LaunchStage_GA
	}
	if stage, known := api.LaunchStage_value[value]; known {
		return api.LaunchStage(stage)
	}
	stage, err := strconv.ParseInt(value, 10, 32)
	if err != nil {
		p.Addf("must be ALPHA, BETA or GA, not %s", jobspec.Quote(value))
	}
	return api.LaunchStage(stage)
}

// defaultPolicy means the project's own policy of Binary Authorization.
const defaultPolicy = "default"

func binaryAuthorization(job *runpb.Job) string {
	if job.GetBinaryAuthorization().GetUseDefault() {
		return defaultPolicy
	}
	return job.GetBinaryAuthorization().GetPolicy()
}

func readBinaryAuthorization(_ jobspec.Place, value string, job *runpb.Job) {
	switch b := binauthz(job); value {
	case "":
	case defaultPolicy:
		b.BinauthzMethod = &runpb.BinaryAuthorization_UseDefault{UseDefault: true}
	default:
		b.BinauthzMethod = &runpb.BinaryAuthorization_Policy{Policy: value}
	}
}

func breakglass(job *runpb.Job) string {
	return job.GetBinaryAuthorization().GetBreakglassJustification()
}

func readBreakglass(_ jobspec.Place, value string, job *runpb.Job) {
	binauthz(job).BreakglassJustification = value
}

// binauthz returns the job's message and creates it if it is missing.
func binauthz(job *runpb.Job) *runpb.BinaryAuthorization {
	if job.BinaryAuthorization == nil {
		job.BinaryAuthorization = &runpb.BinaryAuthorization{}
	}
	return job.BinaryAuthorization
}
