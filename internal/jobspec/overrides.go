package jobspec

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"cloud.google.com/go/run/apiv2/runpb"
)

// violationPrefix is how Cloud Run begins the path of a fault in a run request; it ends
// with a full stop.
const violationPrefix = "Violation in RunJobRequest."

// ApplyOverrides returns what an execution runs: a deep copy of the job's template
// with the overrides applied. It shares nothing with its arguments and changes
// neither. Nil overrides override nothing.
//
// Arguments replace the container's; no arguments keep them, unless clear_args
// empties them first. Variables replace those of the same name in their place,
// new ones follow. A container override without a name means the only container;
// several for the same container apply one after the other.
//
// The template must be valid, as [ValidateJob] says; then the result is, too. The
// error begins, as Cloud Run's does, with "Violation in RunJobRequest.overrides.".
func ApplyOverrides(template *runpb.ExecutionTemplate, o *runpb.RunJobRequest_Overrides) (*runpb.ExecutionTemplate, error) {
	merged := proto.CloneOf(template)
	if merged == nil {
		merged = &runpb.ExecutionTemplate{}
	}
	f := &Violations{}
	p := f.Root().Field("overrides")
	validateOverrides(p, o)
	overrideTasks(p, merged, o)
	overrideContainers(p.Field("container_overrides"), merged.GetTemplate(), o)
	if err := f.wrapped(violationPrefix, "."); err != nil {
		return nil, err
	}
	return merged, nil
}

// validateOverrides checks what can be said without the template.
func validateOverrides(p Place, o *runpb.RunJobRequest_Overrides) {
	validateRequired(p, o.ProtoReflect())
	validateTaskCount(p.Field("task_count"), o.GetTaskCount())
	validateTimeout(p.Field("timeout"), o.GetTimeout())
	for i, c := range o.GetContainerOverrides() {
		at := p.Field("container_overrides").Index(i)
		validateArgs(at.Field("args"), c.GetArgs())
		validateEnv(at.Field("env"), c.GetEnv())
	}
}

// overrideTasks applies what concerns all tasks alike.
func overrideTasks(p Place, t *runpb.ExecutionTemplate, o *runpb.RunJobRequest_Overrides) {
	if n := o.GetTaskCount(); n > 0 {
		t.TaskCount = n
		if t.GetParallelism() > n {
			p.Field("task_count").Addf("must not be less than the job's parallelism, which is %d, not %d", t.GetParallelism(), n)
		}
	}
	if o.GetTimeout() != nil && t.GetTemplate() != nil {
		t.Template.Timeout = proto.CloneOf(o.GetTimeout())
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
		if len(merged) > maxEnv && len(override.GetEnv()) <= maxEnv {
			at.Field("env").Addf("makes %d variables together with the job's, at most %d are allowed", len(merged), maxEnv)
		}
		c.Env = merged
	}
}

// overriddenContainer returns the container that an override means, and nil when
// there is none.
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

// mergeEnv returns env with the variables of override: each in the place of the
// one that has its name, or at the end. It changes env and copies from override,
// in which no name may be there twice.
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
