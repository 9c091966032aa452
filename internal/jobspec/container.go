package jobspec

import (
	"strings"
	"unicode"

	"cloud.google.com/go/run/apiv2/runpb"
)

// maxArgs is the maximum number of arguments of a container.
const maxArgs = 1000

// validateContainers checks each container of a task, and all of them together.
func validateContainers(p Place, t *runpb.TaskTemplate) {
	containers := t.GetContainers()
	if len(containers) == 0 {
		p.Addf("must have at least one container")
	}
	volumes := volumesByName(t)
	for i, c := range containers {
		at := p.Index(i)
		validateContainer(at, c, len(containers) == 1)
		validateMounts(at.Field("volume_mounts"), c, volumes)
	}
	validateContainerNames(p, containers)
	validateDependencies(p, containers)
}

// validateContainer checks one container. alone reports whether it is the task's only
// container.
func validateContainer(p Place, c *runpb.Container, alone bool) {
	if strings.ContainsFunc(c.GetImage(), notInImage) {
		p.Field("image").Addf("%s has white space or control characters", Quote(c.GetImage()))
	}
	for i, word := range c.GetCommand() {
		validateNoNUL(p.Field("command").Index(i), word)
	}
	validateArgs(p.Field("args"), c.GetArgs())
	validateEnv(p.Field("env"), c.GetEnv())
	validateLimits(p.Field("resources.limits"), c.GetResources().GetLimits(), alone)
	validatePorts(p.Field("ports"), c.GetPorts())
	validateProbe(p.Field("startup_probe"), c.GetStartupProbe(), maxStartupSeconds)
	validateProbe(p.Field("liveness_probe"), c.GetLivenessProbe(), maxProbeSeconds)
	validateProbe(p.Field("readiness_probe"), c.GetReadinessProbe(), maxProbeSeconds)
}

// validateArgs checks the arguments of one container, or of one override.
func validateArgs(p Place, args []string) {
	if len(args) > maxArgs {
		p.Addf("at most %d arguments are allowed, not %d", maxArgs, len(args))
	}
	for i, arg := range args {
		validateNoNUL(p.Index(i), arg)
	}
}

// validatePorts accepts up to one port, although a port has no meaning for a job.
func validatePorts(p Place, ports []*runpb.ContainerPort) {
	if len(ports) > 1 {
		p.Addf("ports should contain 0 or 1 port") // Cloud Run's wording
	}
	for i, port := range ports {
		at := p.Index(i)
		if n := port.GetContainerPort(); n < 0 || n > 65535 {
			at.Field("container_port").Addf("must be between 1 and 65535, not %d", n)
		}
		if name := port.GetName(); name != "" && name != "http1" && name != "h2c" {
			at.Field("name").Addf("must be http1 or h2c, not %s", Quote(name))
		}
	}
}

func validateContainerNames(p Place, containers []*runpb.Container) {
	names := make([]string, len(containers))
	for i, c := range containers {
		names[i] = c.GetName()
		if names[i] == "" && len(containers) > 1 {
			p.Index(i).Field("name").Addf("is required with several containers")
		}
	}
	validateNames(p, names)
}

// validateNames checks the names of a list's elements: they must be DNS labels and
// unique. It skips empty names.
func validateNames(p Place, names []string) {
	first := make(map[string]int, len(names))
	for i, name := range names {
		if name == "" {
			continue
		}
		at := p.Index(i).Field("name")
		if !isLabel(name, maxLabel) {
			at.Addf("must be a DNS label, such as worker-1, not %s", Quote(name))
		}
		if earlier, found := first[name]; found {
			at.Addf("%s is also the name of [%d]", Quote(name), earlier)
			continue
		}
		first[name] = i
	}
}

func notInImage(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
