package container

import (
	"fmt"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
)

// gpu is the key of a limit that the runner cannot give.
const gpu = "nvidia.com/gpu"

// Check implements [runner.Runner]. It looks at the folders of secrets and buckets, but
// does not ask the daemon: Prepare reports a missing image.
func (r *Runner) Check(template *runpb.TaskTemplate) error {
	if len(template.GetContainers()) == 0 {
		return runner.Refuse("containers", "the container runner runs at least one")
	}
	for i, c := range template.GetContainers() {
		if err := r.checkContainer(i, c); err != nil {
			return err
		}
	}
	if err := runner.CheckNoSandboxes(template, "the container runner"); err != nil {
		return err
	}
	return r.checkVolumes(template)
}

func (r *Runner) checkContainer(i int, c *runpb.Container) error {
	field := func(name string) string { return fmt.Sprintf("containers[%d].%s", i, name) }
	switch {
	case c.GetSourceCode() != nil:
		return runner.Refuse(field("source_code"), "the container runner fetches no source code; build an image")
	case c.GetImage() == "":
		return runner.Refuse(field("image"), "is empty; name an image")
	case c.GetResources().GetLimits()[gpu] != "":
		return runner.Refuse(field("resources.limits"), "there is no GPU to be had here; leave %s out", gpu)
	}
	if err := r.checkProbe(field("startup_probe"), c); err != nil {
		return err
	}
	return r.config.Secrets.CheckEnv(i, c)
}
