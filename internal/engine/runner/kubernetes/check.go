package kubernetes

import (
	"fmt"
	"net"
	"slices"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/jobspec"
)

// maxPod is the size of a Pod as JSON, in bytes. By default etcd refuses requests of more
// than 1.5 MiB, and the cluster adds to a Pod.
const maxPod = 1 << 20

// checkPods reports the faults of what the configuration puts into Pods.
func (c Config) checkPods() (faults []error) {
	if len(c.Patch) > 0 {
		if _, err := parsePatch(c.Patch); err != nil {
			faults = append(faults, err)
		}
	}
	for field, names := range map[string]map[string]string{"Buckets": c.Buckets, "Secrets": c.Secrets, "ServiceAccounts": c.ServiceAccounts} {
		for from, name := range names {
			if !IsObjectName(name) {
				faults = append(faults, fmt.Errorf("config.%s: %s is %s, which is no name of an object in a cluster", field, from, jobspec.Quote(name)))
			}
		}
	}
	if c.Queue != "" && !IsObjectName(c.Queue) {
		faults = append(faults, fmt.Errorf("config.Queue: is %s, which is no name of an object in a cluster", jobspec.Quote(c.Queue)))
	}
	if _, _, err := net.SplitHostPort(c.Metadata); err != nil && c.Metadata != "" {
		faults = append(faults, fmt.Errorf("config.Metadata: is %s, must be HOST:PORT", jobspec.Quote(c.Metadata)))
	}
	for from, label := range c.Accelerators {
		if !IsNodeLabel(label) {
			faults = append(faults, fmt.Errorf("config.Accelerators: %s is %s, must be the label of nodes, KEY=VALUE", from, jobspec.Quote(label)))
		}
	}
	return faults
}

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

// refuseUnsupported refuses fields that have no counterpart in a Pod.
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
