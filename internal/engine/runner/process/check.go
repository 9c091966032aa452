//go:build linux || darwin

package process

import (
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
)

// inContainers ends the refusal of a job that containers would run.
const inContainers = "; Docker or Podman would (--runner container)"

// check refuses, by field name, what a process cannot have.
func (c Config) check(template *runpb.TaskTemplate) error {
	if err := runner.CheckPlain(template, "the process runner", inContainers); err != nil {
		return err
	}
	container := template.GetContainers()[0]
	if len(c.argv(container)) == 0 {
		return c.refuseImage(container.GetImage())
	}
	if c.InGoTest && c.Secrets == nil {
		return runner.CheckNoSecrets(template, "an engine of runwithtest")
	}
	return c.Secrets.CheckEnv(0, container)
}

// refuseImage refuses a container without a command.
func (c Config) refuseImage(image string) error {
	if c.InGoTest {
		return runner.Refuse("containers[0].command", "is empty, and image %q is replaced by nothing; "+
			"set a command, or pass runwithtest.Image(%[1]q, ...) or runwithtest.Command(%[1]q, ...) to runwithtest.Start", image)
	}
	return runner.Refuse("containers[0].command", "is empty, and image %q is mapped to no command; "+
		"set a command, or start the server with --image %s=COMMAND", image, image)
}

// argv returns the whole command line of a container, or nil if there is no command.
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
