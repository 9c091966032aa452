package kubernetes

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
	"github.com/runwith/runwith/internal/jobspec"
)

// The resources of a container.
const (
	cpu    = "cpu"
	memory = "memory"
	gpu    = "nvidia.com/gpu"
)

// mainContainer returns the index of the container whose end is the task's end.
func mainContainer(t *runpb.TaskTemplate) int { return runner.MainOf(t.GetContainers()) }

// containerName returns the name that a container of the template has in its Pod. It is the
// template's, unless that is empty or has dots.
func containerName(t *runpb.TaskTemplate, i int) string {
	names := make([]string, len(t.GetContainers()))
	for j, c := range t.GetContainers() {
		names[j] = c.GetName()
	}
	if len(names) == 1 && names[0] == "" {
		return "main"
	}
	return nameIn(names, i, "container")
}

// dnsLabel matches the names that containers and volumes of a Pod may have.
var dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

// nameIn returns a name if a Pod may have it, and otherwise KIND-N, which is not among the
// names.
func nameIn(names []string, i int, kind string) string {
	if len(names[i]) <= maxName && dnsLabel.MatchString(names[i]) {
		return names[i]
	}
	name := func(n int) string { return kind + "-" + strconv.Itoa(n) }
	n := i
	for slices.Contains(names, name(n)) {
		n += len(names)
	}
	return name(n)
}

// container returns a container of an attempt's Pod.
func (c *Config) container(spec runner.Spec, i int) (kube.Container, error) {
	t := spec.Template
	from := t.GetContainers()[i]
	env, err := c.env(spec, i)
	if err != nil {
		return kube.Container{}, err
	}
	mounts, err := mounts(t, i)
	if err != nil {
		return kube.Container{}, err
	}
	limits := limits(t, from)
	return kube.Container{
		Name: containerName(t, i), Image: from.GetImage(), WorkingDir: from.GetWorkingDir(),
		Command: literals(from.GetCommand()), Args: literals(from.GetArgs()), Env: env,
		Ports: ports(from), VolumeMounts: mounts,
		Resources:       kube.Resources{Limits: limits, Requests: limits},
		StartupProbe:    probe(from, from.GetStartupProbe()),
		LivenessProbe:   probe(from, from.GetLivenessProbe()),
		SecurityContext: &kube.SecurityContext{AllowPrivilegeEscalation: new(false)},
	}, nil
}

// limits returns the resources that a container is guaranteed, and never exceeds.
func limits(t *runpb.TaskTemplate, c *runpb.Container) map[string]string {
	milli, bytes := jobspec.CPUAndMemory(c.GetResources())
	all := map[string]string{cpu: fmt.Sprintf("%dm", milli), memory: strconv.FormatInt(bytes, 10)}
	maps.Copy(all, c.GetResources().GetLimits())
	if t.GetNodeSelector().GetAccelerator() != "" && len(t.GetContainers()) == 1 {
		all[gpu] = "1" // also for a job that sets no limit
	}
	return all
}

func ports(c *runpb.Container) (all []kube.ContainerPort) {
	for _, p := range c.GetPorts() {
		all = append(all, kube.ContainerPort{Name: p.GetName(), ContainerPort: portOf(c)})
	}
	return all
}

// literal returns a text that Kubernetes does not expand: it replaces $(NAME) in commands,
// arguments and variables, and $$ by $.
func literal(s string) string { return strings.ReplaceAll(s, "$", "$$") }

func literals(all []string) []string {
	made := make([]string, len(all))
	for i, s := range all {
		made[i] = literal(s)
	}
	return made
}
