package jobspec

import (
	"google.golang.org/genproto/googleapis/api"
	"google.golang.org/protobuf/types/known/durationpb"

	"cloud.google.com/go/run/apiv2/runpb"
)

const (
	defaultRetries = 3
	// defaultTimeout is the timeout of an attempt, in seconds.
	defaultTimeout = 600
)

// Defaults sets, in place, the unset fields of a valid job to the defaults that Cloud
// Run shows.
//
// Deviation: set fields stay as written. A cpu of 1 does not become 1000m, and
// launch_stage does not change to the stage of the features in use. Defaults does not
// set names of containers, settings of probes, the default_mode of secrets, and the
// service account, whose default depends on the project.
func Defaults(job *runpb.Job) {
	if job == nil {
		return
	}
	if job.GetLaunchStage() == api.LaunchStage_LAUNCH_STAGE_UNSPECIFIED {
		job.LaunchStage = api.LaunchStage_GA
	}
	t := job.GetTemplate()
	if t == nil {
		return
	}
	if t.GetTaskCount() == 0 {
		t.TaskCount = 1
	}
	if t.GetTemplate() != nil {
		defaultTask(t.GetTemplate())
	}
}

func defaultTask(t *runpb.TaskTemplate) {
	// 0 retries is a valid value, so only the oneof shows whether it is set.
	if t.GetRetries() == nil {
		t.Retries = &runpb.TaskTemplate_MaxRetries{MaxRetries: defaultRetries}
	}
	if t.GetTimeout() == nil {
		t.Timeout = &durationpb.Duration{Seconds: defaultTimeout}
	}
	if t.GetExecutionEnvironment() == runpb.ExecutionEnvironment_EXECUTION_ENVIRONMENT_UNSPECIFIED {
		t.ExecutionEnvironment = runpb.ExecutionEnvironment_EXECUTION_ENVIRONMENT_GEN2
	}
	if vpc := t.GetVpcAccess(); vpc != nil && vpc.GetEgress() == runpb.VpcAccess_VPC_EGRESS_UNSPECIFIED {
		vpc.Egress = runpb.VpcAccess_PRIVATE_RANGES_ONLY
	}
	for _, c := range t.GetContainers() {
		if c != nil {
			defaultLimits(t, c)
		}
	}
}

func defaultLimits(t *runpb.TaskTemplate, c *runpb.Container) {
	if c.GetResources() == nil {
		c.Resources = &runpb.ResourceRequirements{}
	}
	if c.Resources.GetLimits() == nil {
		c.Resources.Limits = make(map[string]string, 2)
	}
	limits := c.Resources.Limits
	cpu, memory := unsetLimits(t, c)
	if _, set := limits[limitCPU]; !set {
		limits[limitCPU] = cpu
	}
	if _, set := limits[limitMemory]; !set {
		limits[limitMemory] = memory
	}
}
