//go:build unix

package main

import (
	"testing"

	"github.com/runwith/runwith/internal/kubetest"
)

// nodeLosesPower ends all that runs on the node at once. It comes back.
func nodeLosesPower(t *testing.T, c *kubetest.Cluster, e *podEngine) {
	x := e.runUntilStop(t, "node-loses-power")
	c.CrashNode(t)
	c.Start(t, kubetest.Containerd)
	c.Start(t, kubetest.Kubelet)
	e.checkSecondBegin(t, x)
}

// podIsDeletedByForce deletes a Pod whose kubelet is away, and does not wait for the kubelet.
func podIsDeletedByForce(t *testing.T, c *kubetest.Cluster, e *podEngine) {
	x := e.runUntilStop(t, "deleted-by-force")
	c.Kill(t, kubetest.Kubelet)
	e.namespace.Kubectl(t, "delete", "pod", e.pod(t, x, "t0-a0-i0"), "--force", "--grace-period=0", "--wait=false")
	e.awaitInterruption(t, x)
	c.Start(t, kubetest.Kubelet)
	e.checkSecondBegin(t, x)
}
