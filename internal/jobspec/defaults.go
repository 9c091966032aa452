package jobspec

import (
	"cmp"
	"strings"

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
// set the default_mode of secrets. [DefaultAccount] sets the service account, whose
// default depends on the project.
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
		name, _ := ParseJob(job.GetName()) // empty in a job that has no name yet
		defaultNames(t.GetTemplate().GetContainers(), name.Job)
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
		if c == nil {
			continue
		}
		defaultLimits(t, c)
		for _, p := range []*runpb.Probe{c.GetStartupProbe(), c.GetLivenessProbe(), c.GetReadinessProbe()} {
			defaultProbe(p, c.GetPorts())
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

// defaultProbe sets the unset fields of a probe. 0 means unset, except for the delay. The
// port is that of the container.
// https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2#probe
func defaultProbe(p *runpb.Probe, ports []*runpb.ContainerPort) {
	if p == nil {
		return
	}
	p.TimeoutSeconds = cmp.Or(p.TimeoutSeconds, defaultProbeTimeout)
	p.PeriodSeconds = cmp.Or(p.PeriodSeconds, defaultProbePeriod)
	p.FailureThreshold = cmp.Or(p.FailureThreshold, defaultProbeFailures)
	port := int32(defaultPort)
	if len(ports) > 0 {
		port = cmp.Or(ports[0].GetContainerPort(), port)
	}
	if get := p.GetHttpGet(); get != nil {
		get.Path, get.Port = cmp.Or(get.Path, "/"), cmp.Or(get.Port, port)
	}
	if socket := p.GetTcpSocket(); socket != nil {
		socket.Port = cmp.Or(socket.Port, port)
	}
	if rpc := p.GetGrpc(); rpc != nil {
		rpc.Port = cmp.Or(rpc.Port, port)
	}
}

// DefaultAccount sets the service account of a job that names none.
// https://cloud.google.com/run/docs/configuring/jobs/service-identity
func DefaultAccount(job *runpb.Job, account string) {
	if t := job.GetTemplate().GetTemplate(); t != nil && t.ServiceAccount == "" {
		t.ServiceAccount = account
	}
}

// IsDefaultAccount reports whether a service account is the default one of some project.
func IsDefaultAccount(account string) bool {
	number, ok := strings.CutSuffix(account, "-compute@developer.gserviceaccount.com")
	return ok && number != "" && strings.Trim(number, "0123456789") == ""
}
