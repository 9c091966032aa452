package jobspec

import (
	"strings"
	"unicode"

	"cloud.google.com/go/run/apiv2/runpb"
)

// maxArgs a container.
const maxArgs = 1000

// validateContainers checks the containers of a task, each and against each other.
func validateContainers(p place, t *runpb.TaskTemplate) {
	containers := t.GetContainers()
	if len(containers) == 0 {
		p.addf("must have at least one container")
	}
	volumes := volumesByName(t)
	for i, c := range containers {
		at := p.index(i)
		validateContainer(at, c, len(containers) == 1)
		validateMounts(at.field("volume_mounts"), c, volumes)
	}
	validateContainerNames(p, containers)
	validateDependencies(p, containers)
}

// validateContainer checks one container, alone in its task or beside others.
func validateContainer(p place, c *runpb.Container, alone bool) {
	if strings.ContainsFunc(c.GetImage(), notInImage) {
		p.field("image").addf("%s has white space or control characters", quote(c.GetImage()))
	}
	for i, word := range c.GetCommand() {
		validateNoNUL(p.field("command").index(i), word)
	}
	validateArgs(p.field("args"), c.GetArgs())
	validateEnv(p.field("env"), c.GetEnv())
	validateLimits(p.field("resources.limits"), c.GetResources().GetLimits(), alone)
	validatePorts(p.field("ports"), c.GetPorts())
	validateProbe(p.field("startup_probe"), c.GetStartupProbe(), maxStartupSeconds)
	validateProbe(p.field("liveness_probe"), c.GetLivenessProbe(), maxProbeSeconds)
	validateProbe(p.field("readiness_probe"), c.GetReadinessProbe(), maxProbeSeconds)
}

// validateArgs checks the arguments of one container, or of one override.
func validateArgs(p place, args []string) {
	if len(args) > maxArgs {
		p.addf("at most %d arguments are allowed, not %d", maxArgs, len(args))
	}
	for i, arg := range args {
		validateNoNUL(p.index(i), arg)
	}
}

// validatePorts accepts a port, which has no meaning to a job.
func validatePorts(p place, ports []*runpb.ContainerPort) {
	if len(ports) > 1 {
		p.addf("ports should contain 0 or 1 port") // Cloud Run's wording
	}
	for i, port := range ports {
		at := p.index(i)
		if n := port.GetContainerPort(); n < 0 || n > 65535 {
			at.field("container_port").addf("must be between 1 and 65535, not %d", n)
		}
		if name := port.GetName(); name != "" && name != "http1" && name != "h2c" {
			at.field("name").addf("must be http1 or h2c, not %s", quote(name))
		}
	}
}

func validateContainerNames(p place, containers []*runpb.Container) {
	names := make([]string, len(containers))
	for i, c := range containers {
		names[i] = c.GetName()
		if names[i] == "" && len(containers) > 1 {
			p.index(i).field("name").addf("is required where there are several containers")
		}
	}
	validateNames(p, names)
}

// validateNames checks the names of the elements of a list: DNS labels, each
// there once. It says nothing about an empty one.
func validateNames(p place, names []string) {
	first := make(map[string]int, len(names))
	for i, name := range names {
		if name == "" {
			continue
		}
		at := p.index(i).field("name")
		if !isLabel(name, maxLabel) {
			at.addf("must be a DNS label, such as worker-1, not %s", quote(name))
		}
		if earlier, found := first[name]; found {
			at.addf("%s is also the name of [%d]", quote(name), earlier)
			continue
		}
		first[name] = i
	}
}

func notInImage(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
