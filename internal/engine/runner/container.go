package runner

import (
	"cmp"
	"fmt"
	"maps"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// AddEnvironment adds the environment of the task's first container: the template's
// variables, and Env over them.
func (s Spec) AddEnvironment(to map[string]string) {
	for _, v := range s.Template.GetContainers()[0].GetEnv() {
		to[v.GetName()] = v.GetValue()
	}
	maps.Copy(to, s.Env)
}

// CheckPlain refuses, by field name, a template that needs more than one program with
// arguments and environment: other containers, volumes, source code. It is for runners
// without these. The error names the runner by who, and ends with elsewhere if a runner of
// containers could run the template.
//
// Deviation: resources, ports, probes, the service account, VPC access and the
// encryption key are accepted, and have no effect.
func CheckPlain(template *runpb.TaskTemplate, who, elsewhere string) error {
	containers := template.GetContainers()
	switch {
	case len(containers) != 1:
		return Refuse("containers", "%s runs exactly one container, not %d%s", who, len(containers), elsewhere)
	case len(template.GetVolumes()) > 0:
		return Refuse("volumes", "%s mounts no volumes%s", who, mountedBy(template, elsewhere))
	case len(containers[0].GetVolumeMounts()) > 0:
		return Refuse("containers[0].volume_mounts", "%s mounts no volumes%s", who, mountedBy(template, elsewhere))
	case containers[0].GetSourceCode() != nil:
		return Refuse("containers[0].source_code", "%s fetches no source code; set a command", who)
	}
	return CheckNoSandboxes(template, who)
}

// mountedBy returns elsewhere if containers mount all volumes of a template, and otherwise
// the way to run the job without them.
func mountedBy(template *runpb.TaskTemplate, elsewhere string) string {
	for _, v := range template.GetVolumes() {
		if v.GetNfs() != nil || v.GetCloudSqlInstance() != nil {
			elsewhere = ""
		}
	}
	return cmp.Or(elsewhere, "; take them out of the job to run it here")
}

// CheckNoSandboxes refuses, by field name, the sandboxes that a task may launch.
func CheckNoSandboxes(template *runpb.TaskTemplate, who string) error {
	if template.GetSandboxes() != nil {
		return Refuse("sandboxes", "%s has no sandboxes; take them out of the job to run it here", who)
	}
	for i, c := range template.GetContainers() {
		if c.GetSandboxLauncher() {
			return Refuse(fmt.Sprintf("containers[%d].sandbox_launcher", i), "%s has no sandboxes; leave it out to run the job here", who)
		}
	}
	return nil
}

// CheckNoSecrets refuses, by field name, variables whose values are secrets.
func CheckNoSecrets(template *runpb.TaskTemplate, who string) error {
	for i, c := range template.GetContainers() {
		for j, env := range c.GetEnv() {
			if env.GetValueSource() != nil {
				return Refuse(fmt.Sprintf("containers[%d].env[%d].value_source", i, j), "%s reads no secrets; give %s a value", who, env.GetName())
			}
		}
	}
	return nil
}

// Refuse returns the error of a Check. It names a field of the task template by its path
// from the job, in the API's spelling.
func Refuse(field, format string, args ...any) *runwith.Error {
	return jobspec.FieldErrorf(runwith.FailedPrecondition, "template.template."+field, format, args...)
}
