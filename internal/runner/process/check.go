//go:build linux || darwin

package process

import (
	"fmt"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// check refuses, by field name, what a process cannot give.
//
// Deviation: resources, ports, probes, the service account, VPC access and the
// encryption key are accepted, and have no effect.
func (c Config) check(template *runpb.TaskTemplate) error {
	containers := template.GetContainers()
	switch {
	case len(containers) != 1:
		return refuse("containers", "the process runner runs exactly one container, not %d", len(containers))
	case len(template.GetVolumes()) > 0:
		return refuse("volumes", "the process runner mounts no volumes")
	}
	return c.checkContainer(containers[0])
}

func (c Config) checkContainer(container *runpb.Container) error {
	const field = "containers[0]."
	switch {
	case len(container.GetVolumeMounts()) > 0:
		return refuse(field+"volume_mounts", "the process runner mounts no volumes")
	case container.GetSourceCode() != nil:
		return refuse(field+"source_code", "the process runner fetches no source code; set a command")
	case len(c.argv(container)) == 0:
		return refuse(field+"command", "is empty, and image %q is mapped to no command; "+
			"set a command, or start the server with --image %s=COMMAND",
			container.GetImage(), container.GetImage())
	}
	for i, env := range container.GetEnv() {
		if env.GetValueSource() != nil {
			return refuse(fmt.Sprintf("%senv[%d].value_source", field, i),
				"the process runner reads no secrets; give %s a value", env.GetName())
		}
	}
	return nil
}

// argv is the whole command line of a container, empty when there is no command.
func (c Config) argv(container *runpb.Container) []string {
	command := container.GetCommand()
	if len(command) == 0 {
		command = c.Images[container.GetImage()]
	}
	if len(command) == 0 || strings.TrimSpace(command[0]) == "" {
		return nil
	}
	argv := make([]string, 0, len(command)+len(container.GetArgs()))
	return append(append(argv, command...), container.GetArgs()...)
}

// refuse names a field of the task template, from the job on and in the spelling of
// the API.
func refuse(field, format string, args ...any) *runwith.Error {
	return jobspec.FieldErrorf(runwith.FailedPrecondition, "template.template."+field, format, args...)
}
