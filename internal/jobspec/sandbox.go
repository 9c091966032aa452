package jobspec

import "cloud.google.com/go/run/apiv2/runpb"

// validateSandboxes checks the templates of sandboxes that a task can launch.
//
// See https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.jobs#SandboxConfiguration.
func validateSandboxes(p Place, t *runpb.TaskTemplate) {
	list := p.Field("templates")
	templates := t.GetSandboxes().GetTemplates()
	names, volumes := make([]string, len(templates)), volumesByName(t)
	for i, s := range templates {
		at := list.Index(i)
		names[i] = s.GetName()
		validateImage(at.Field("image"), s.GetImage())
		for j, word := range s.GetCommand() {
			validateNoNUL(at.Field("command").Index(j), word)
		}
		validateArgs(at.Field("args"), s.GetArgs())
		validateEnv(at.Field("env"), s.GetEnv())
		validateMounts(at.Field("volume_mounts"), s.GetVolumeMounts(), volumes)
	}
	validateNames(list, names)
}
