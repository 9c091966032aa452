package jobspec

import (
	"slices"

	"google.golang.org/genproto/googleapis/api"
	"google.golang.org/protobuf/proto"

	"cloud.google.com/go/run/apiv2/runpb"
)

// violationPrefix begins Cloud Run's path of a violation in a run request. Cloud Run
// ends the message with a full stop.
const violationPrefix = "Violation in RunJobRequest."

// ApplyOverrides returns the template of an execution: a deep copy of the job's
// template with the overrides applied. It shares nothing with its arguments and
// changes neither. Nil overrides change nothing.
//
// Arguments replace the container's arguments. An empty list keeps them, unless
// clear_args is set. delay_execution changes nothing, because an execution that starts at
// once starts within 12 hours. A variable replaces the one with the same name in its place; new
// variables are appended. A container override without a name applies to the only
// container. Several overrides for one container apply in order.
//
// The template must be valid (see [ValidateJob]); the result then is valid too. Errors
// begin with "Violation in RunJobRequest.overrides.", like Cloud Run's.
func ApplyOverrides(template *runpb.ExecutionTemplate, o *runpb.RunJobRequest_Overrides) (*runpb.ExecutionTemplate, error) {
	merged := proto.CloneOf(template)
	if merged == nil {
		merged = &runpb.ExecutionTemplate{}
	}
	f := &Violations{}
	p := f.Root().Field("overrides")
	if n := len(o.GetContainerOverrides()); n > maxContainers { // each one costs as much as a template
		p.Field("container_overrides").Addf("has %d elements, at most %d are allowed: one for each container", n, maxContainers)
		return nil, f.wrapped(violationPrefix, ".")
	}
	validateOverrides(p, o)
	overrideTasks(p, merged, o)
	overrideContainers(p.Field("container_overrides"), merged.GetTemplate(), o)
	if err := f.wrapped(violationPrefix, "."); err != nil {
		return nil, err
	}
	return merged, nil
}

// validateOverrides makes the checks that do not need the template.
func validateOverrides(p Place, o *runpb.RunJobRequest_Overrides) {
	validateKnown(p, o.ProtoReflect())
	validateRequired(p, o.ProtoReflect())
	validateTaskCount(p.Field("task_count"), o.GetTaskCount())
	validateTimeout(p.Field("timeout"), o.GetTimeout())
	for i, c := range o.GetContainerOverrides() {
		at := p.Field("container_overrides").Index(i)
		validateArgs(at.Field("args"), c.GetArgs())
		if c.GetClearArgs() && len(c.GetArgs()) > 0 {
			// See https://cloud.google.com/run/docs/reference/rest/v1/namespaces.jobs/run#ContainerOverride.
			at.Field("args").Addf("must be empty together with clear_args")
		}
		validateEnv(at.Field("env"), c.GetEnv())
	}
}

// overrideTasks applies the task count and the timeout.
func overrideTasks(p Place, t *runpb.ExecutionTemplate, o *runpb.RunJobRequest_Overrides) {
	if n := o.GetTaskCount(); n > 0 {
		t.TaskCount = n
	}
	if o.GetTimeout() == nil || t.GetTemplate() == nil {
		return
	}
	t.Template.Timeout = proto.CloneOf(o.GetTimeout())
	if usesGPU(t.GetTemplate()) {
		// The job's launch stage is not known here, so the longer limit applies.
		validateGPUTimeout(p.Field("timeout"), o.GetTimeout(), api.LaunchStage_BETA)
	}
}

func overrideContainers(p Place, t *runpb.TaskTemplate, o *runpb.RunJobRequest_Overrides) {
	for i, override := range o.GetContainerOverrides() {
		at := p.Index(i)
		c := overriddenContainer(at.Field("name"), t.GetContainers(), override.GetName())
		if c == nil {
			continue
		}
		if override.GetClearArgs() {
			c.Args = nil
		}
		if len(override.GetArgs()) > 0 {
			c.Args = slices.Clone(override.GetArgs())
		}
		merged := mergeEnv(c.GetEnv(), override.GetEnv())
		c.Env = merged
		if all, _ := countEnv(t.GetContainers()); all > maxEnv && 0 < len(override.GetEnv()) && len(override.GetEnv()) <= maxEnv {
			at.Field("env").Addf("makes %d variables together with the job's, at most %d are allowed", all, maxEnv)
		}
	}
}

// overriddenContainer returns the container that an override applies to, or nil.
func overriddenContainer(p Place, containers []*runpb.Container, name string) *runpb.Container {
	if name == "" {
		if len(containers) == 1 {
			return containers[0]
		}
		p.Addf("is required, the job has %d containers", len(containers))
		return nil
	}
	for _, c := range containers {
		if c.GetName() == name {
			return c
		}
	}
	p.Addf("the job has no container named %s", Quote(name))
	return nil
}

// mergeEnv merges override into env. A variable replaces the one with the same name, or
// is appended. Of several with one name in either list, the last counts. It changes env and
// copies from override.
func mergeEnv(env, override []*runpb.EnvVar) []*runpb.EnvVar {
	if len(override) == 0 {
		return env
	}
	places := make(map[string]int, len(env))
	for i, v := range env {
		places[v.GetName()] = i
	}
	for _, v := range override {
		if i, found := places[v.GetName()]; found {
			env[i] = proto.CloneOf(v)
			continue
		}
		env = append(env, proto.CloneOf(v))
	}
	return env
}
