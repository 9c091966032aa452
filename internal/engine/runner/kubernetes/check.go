package kubernetes

import (
	"fmt"
	"slices"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
)

// maxPod is the size of a Pod as JSON, in bytes. By default etcd refuses requests of more
// than 1.5 MiB, and the cluster adds to a Pod.
const maxPod = 1 << 20

// check refuses, by field name, a template whose attempts cannot be Pods.
func (c *Config) check(t *runpb.TaskTemplate) error {
	pod, err := c.newPod("", runner.Spec{Template: t})
	if err != nil {
		return err
	}
	text, err := c.podJSON(pod)
	if err != nil {
		return err
	}
	if len(text) > maxPod {
		return runner.Refuse("containers", "a Pod can have about %d bytes, and this one would have %d; shorten arguments and variables", maxPod, len(text))
	}
	return nil
}

// refuseUnsupported refuses what has no counterpart in a Pod.
//
// Deviation: VPC access, the encryption key, workload identity and readiness probes are
// accepted, and have no effect.
func refuseUnsupported(t *runpb.TaskTemplate) error {
	if len(t.GetContainers()) == 0 {
		return runner.Refuse("containers", "the Kubernetes runner runs at least one")
	}
	for i, c := range t.GetContainers() {
		field := func(name string) string { return fmt.Sprintf("containers[%d].%s", i, name) }
		switch {
		case c.GetSourceCode() != nil:
			return runner.Refuse(field("source_code"), "the Kubernetes runner fetches no source code; build an image")
		case c.GetImage() == "":
			return runner.Refuse(field("image"), "is empty; name an image")
		}
		main := t.GetContainers()[mainContainer(t)].GetName()
		if j := slices.Index(c.GetDependsOn(), main); j >= 0 {
			return runner.Refuse(field(fmt.Sprintf("depends_on[%d]", j)), "%s is the main container, and in a Pod the main container starts last; turn the dependency around", main)
		}
	}
	return runner.CheckNoSandboxes(t, "the Kubernetes runner")
}
