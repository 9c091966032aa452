package jobspec

import "cloud.google.com/go/run/apiv2/runpb"

const (
	// maxArgs is the maximum number of arguments of a container.
	maxArgs = 1000
	// maxContainers is the maximum number of containers of a task.
	//
	// See https://cloud.google.com/run/quotas.
	maxContainers = 10
)

// validateContainers checks each container of a task, and all of them together. It does not
// look at the containers of a task that has too many, because a request has room for
// hundreds of thousands, and some checks compare each with all.
func validateContainers(p Place, t *runpb.TaskTemplate) {
	containers := t.GetContainers()
	if len(containers) == 0 {
		p.Addf("must have at least one container")
	}
	if len(containers) > maxContainers {
		p.Addf("at most %d containers are allowed, not %d", maxContainers, len(containers))
		return
	}
	volumes := volumesByName(t)
	for i, c := range containers {
		at := p.Index(i)
		validateContainer(at, c)
		validateProbes(at, t, c)
		validateResources(at.Field("resources"), t, c)
		validateMounts(at.Field("volume_mounts"), c.GetVolumeMounts(), volumes)
	}
	validateContainerNames(p, containers)
	validateDependencies(p, containers)
	validateAllEnv(p, containers)
}

// validateContainer checks one container, except for what depends on the rest of its task.
func validateContainer(p Place, c *runpb.Container) {
	validateImage(p.Field("image"), c.GetImage())
	for i, word := range c.GetCommand() {
		validateNoNUL(p.Field("command").Index(i), word)
	}
	validateArgs(p.Field("args"), c.GetArgs())
	validateEnv(p.Field("env"), c.GetEnv())
	if c.GetSourceCode().GetInlinedSource() != nil {
		p.Field("source_code.inlined_source").Addf("is supported only for services, leave it out")
	}
	validatePorts(p.Field("ports"), c.GetPorts())
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
		validatePort(at.Field("container_port"), port.GetContainerPort())
		if name := port.GetName(); name != "" && name != "http1" && name != "h2c" {
			at.Field("name").Addf("must be http1 or h2c, not %s", Quote(name))
		}
	}
}

func validateContainerNames(p Place, containers []*runpb.Container) {
	names := make([]string, len(containers))
	for i, c := range containers {
		names[i] = c.GetName()
	}
	validateNames(p, names)
}

// validateNames checks the names of a list's elements: they must be unique, and DNS labels
// or several of them with dots between. It skips empty names.
//
// See https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#names.
func validateNames(p Place, names []string) {
	first := make(map[string]int, len(names))
	for i, name := range names {
		if name == "" {
			continue
		}
		at := p.Index(i).Field("name")
		if len(name) > maxLabel || !isDomain(name) {
			at.Addf("must be a DNS label, such as worker-1, not %s", Quote(name))
		}
		if earlier, found := first[name]; found {
			at.Addf("%s is also the name of [%d]", Quote(name), earlier)
			continue
		}
		first[name] = i
	}
}
